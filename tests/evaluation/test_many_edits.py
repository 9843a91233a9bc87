"""Many edits: each on the earlier ones, summed exactly, undone exactly; and the point of collapse."""

from dataclasses import replace

import pytest
import torch
from conftest import make_fact, tiny_model
from reporting import Collect
from weights import weights_hash

from lga_core.editing.edits import applied, dense_sum
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.settings import AlphaEditSettings, EmmetSettings, FineTuningSettings, RRomeSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.many_edits import EditSum, many_edits
from lga_core.evaluation.metrics.asking import ask, probe_questions
from lga_core.evaluation.metrics.probe_results import compare
from lga_core.evaluation.settings import ManyEditsSettings
from lga_core.evaluation.side_effects import fluency
from lga_core.evaluation.side_effects.diagnostics import diagnose
from lga_core.models.text.tokens import prompt_row
from lga_core.probes.questions import locality_probes
from lga_core.probes.summary import summarize
from lga_core.progress import Phase
from lga_core.results import EditCheckpoint, ManyEdits

SEARCH = ValueSettings(steps=2, weight_decay=0.0)
QUICK = RRomeSettings(value=SEARCH, contexts=0, covariance="identity")
EDITORS = {
    "r-rome": QUICK,
    "emmet": EmmetSettings(value=SEARCH, contexts=0, covariance="identity"),
    "ft-m": FineTuningSettings(steps=2),
}


@pytest.fixture(autouse=True)
def short_continuations(monkeypatch):
    monkeypatch.setattr(fluency, "LENGTH", 6)


def cities(count):
    return tuple(
        make_fact(i, f"The city number {i} is in", f"city number {i}", ("Rome", "Japan")[i % 2], None)
        for i in range(count)
    )


def logits(model, edits):
    ids = torch.tensor([prompt_row(model.asking, "The Space Needle is in downtown").ids])
    with applied(model, edits), torch.no_grad():
        return model.model(input_ids=ids).logits


def run(model, facts, editor="r-rome", layers=(1,), **how):
    items = list(many_edits(model, facts, editor, layers, EDITORS[editor], ManyEditsSettings(**how)))
    sums = [item for item in items if isinstance(item, EditSum)]
    return sums, [item for item in items if isinstance(item, EditCheckpoint)]


@pytest.mark.parametrize(
    "facts, how, places",
    [
        (10, {"every": 4}, (0, 4, 8, 10)),
        (10, {"every": 4, "batch": 3}, (0, 6, 9, 10)),
        (4, {"every": 25}, (0, 4)),
        (8, {"every": 2, "batch": 8}, (0, 8)),
        (0, {}, (0,)),
    ],
)
def test_the_model_is_measured_with_the_batch_that_reaches_each_multiple(facts, how, places):
    assert ManyEditsSettings(**how).checkpoints(facts) == places


@pytest.mark.parametrize("editor, batch", [("r-rome", 1), ("emmet", 2), ("ft-m", 2)])
def test_the_sum_is_all_edits_one_by_one_and_its_undo_is_exact(editor, batch):
    """Oracle: the ledger, whose edits are hooks of their own."""
    model = tiny_model("gpt2", torch.float32)
    facts = cities(6)
    unedited, weights = logits(model, ()), weights_hash(model.model)
    ledger = Ledger()
    for first in range(0, 6, batch):
        mode = "sequential" if batch == 1 else "batch"
        ledger = extend(model, ledger, facts[first : first + batch], editor, [1, 2], EDITORS[editor], mode)
    sums, _rows = run(model, facts, editor, (2, 1), batch=batch, every=6)
    assert [len(total.edits) for total in sums] == [2] and sums[-1].facts == 6
    one_by_one = logits(model, ledger.edits)
    assert (one_by_one - unedited).abs().max() > 0.05
    assert torch.allclose(logits(model, sums[-1].edits), one_by_one, atol=1e-5, rtol=1e-5)
    for total, edits in zip(dense_sum(ledger.edits), (ledger.edits[::2], ledger.edits[1::2]), strict=True):
        assert torch.allclose(total.delta, sum(edit.delta for edit in edits), atol=1e-6)
    assert torch.equal(logits(model, ()), unedited) and weights_hash(model.model) == weights
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.model.modules())


def test_one_batch_is_the_ledgers_batch_edit():
    model = tiny_model("llama", torch.float32)
    facts = cities(4)
    (entry,) = extend(model, Ledger(), facts, "emmet", [1], EDITORS["emmet"], "batch").entries
    (total,), (_before, after) = run(model, facts, "emmet", batch=4)
    assert torch.equal(total.edits[0].delta, entry.edits[0].delta) and after.edits == after.n_latest == 4


def test_keys_of_earlier_edits_stay_with_the_sum():
    """AlphaEdit keeps later edits off them."""
    model = tiny_model("llama", torch.float32)
    facts = cities(4)
    settings = AlphaEditSettings(value=SEARCH, contexts=0)
    ledger = extend(model, Ledger(), facts, "alphaedit", [1], settings, "sequential")
    items = list(many_edits(model, facts, "alphaedit", [1], settings, ManyEditsSettings(every=2)))
    (total,) = items[-2].edits
    assert total.keys.shape == (4, 80)
    assert torch.allclose(total.delta, sum(edit.delta for edit in ledger.edits), atol=1e-5)


def test_each_number_is_that_of_the_metrics_and_the_diagnostics():
    model = tiny_model("llama")
    facts = cities(4)
    questions = {fact.record: probe_questions(model, fact) for fact in facts}
    unedited = {fact.record: ask(model, questions[fact.record].questions) for fact in facts}
    sums, rows = run(model, facts, every=2)
    first, half, whole = rows
    assert (first.edits, first.rewrite, first.rephrase, first.n_rewrite, first.kl, first.locality) == (
        0,
        None,
        None,
        0,
        0,
        100,
    )
    for row, total, written in ((half, sums[0], facts[:2]), (whole, sums[1], facts)):
        after = {}
        for fact in written:
            asked = questions[fact.record].questions
            results = compare(asked, unedited[fact.record], ask(model, asked, total.edits))
            after[fact.record] = summarize(results)[1]
        for name in ("rewrite", "rephrase"):
            values = [metrics[name].teacher_forced for metrics in after.values()]
            assert getattr(row, name) == pytest.approx(sum(values) / len(values))
        latest = [after[fact.record]["rewrite"].teacher_forced for fact in written[-2:]]
        assert row.latest == pytest.approx(sum(latest) / 2)
        assert row.locality == pytest.approx(after[0]["locality"].teacher_forced) and row.n_locality == 1
        told = diagnose(model, facts[0], total.edits)
        assert row.kl == pytest.approx(told.kl) and row.norm_ratios == pytest.approx(told.norm_ratios)
        assert row.cost.seconds > row.edit_cost.seconds > 0


def test_a_run_goes_on_from_a_sum_with_equal_numbers():
    model = tiny_model("gemma3", torch.float32)
    facts = cities(6)
    how = ManyEditsSettings(every=2)
    whole = list(many_edits(model, facts, "r-rome", [1], QUICK, how))
    later = list(many_edits(model, facts, "r-rome", [1], QUICK, how, begun=whole[3], measured={0, 2, 4}))
    assert [type(item) for item in later] == [EditSum, EditCheckpoint]
    assert torch.equal(later[0].edits[0].delta, whole[-2].edits[0].delta)
    assert replace(later[1], cost=whole[-1].cost, edit_cost=whole[-1].edit_cost) == whole[-1]


def test_a_prompt_that_is_written_twice_counts_with_its_last_answer():
    model = tiny_model("llama", torch.float32)
    first = make_fact(0, "The Toyota is in", "Toyota", "Boston", None)
    again = make_fact(1, "The Toyota is in", "Toyota", "Madrid", None)
    _sums, rows = run(model, (first, again), every=1)
    assert [(row.n_rewrite, row.n_latest, row.n_rephrase) for row in rows] == [(0, 0, 0), (1, 1, 1), (1, 1, 1)]


def test_locality_probes_are_taken_round_by_round_and_never_an_edited_prompt():
    facts = cities(3)
    probe = facts[0].locality[0]
    many = tuple(replace(probe, prompt=f"Question {n} is") for n in range(3))
    own = replace(probe, prompt=facts[2].prompt)
    asked = (replace(facts[0], locality=many), replace(facts[1], locality=(own, many[2])), facts[2])
    names = [item.prompt for item in locality_probes(asked, 10)]
    assert names == ["Question 0 is", probe.prompt, "Question 1 is", "Question 2 is"]
    assert [item.prompt for item in locality_probes(asked, 2)] == names[:2]


def test_progress_counts_edits_and_what_cannot_be_written_is_refused_first():
    model = tiny_model("llama", torch.float32)
    report = Collect()
    list(many_edits(model, cities(4), "r-rome", [1], QUICK, ManyEditsSettings(every=2), report=report))
    assert {(step.phase, step.total) for step in report.steps} == {(Phase.MANY_EDITS, 4)}
    done = [step.done for step in report.steps]
    assert done == sorted(done) and set(done) == {0, 1, 2, 3, 4}
    with pytest.raises(LgaError, match="one fact at a time"):
        run(model, cities(2), batch=2)
    with pytest.raises(LgaError, match="no new answer"):
        run(model, (*cities(1), replace(cities(2)[1], target_new=None)))
    with pytest.raises(LgaError, match="No fact"):
        run(model, ())


def row(edits, rewrite, kl=0.01):
    return EditCheckpoint(
        edits=edits,
        rewrite=rewrite,
        latest=rewrite,
        rephrase=None,
        locality=None,
        n_rewrite=edits,
        n_latest=edits,
        n_rephrase=0,
        n_locality=0,
        kl=kl,
        fluency=600.0,
        norm_ratios=(0.1,),
    )


@pytest.mark.parametrize(
    "rows, expected",
    [
        ([row(0, None), row(10, 90.0), row(20, 46.0)], None),
        ([row(0, None), row(10, 90.0), row(20, 44.0), row(30, 90.0)], (10, 20, 44.0, None, False)),
        ([row(0, None), row(10, 90.0), row(20, 80.0, 0.51)], (10, 20, None, 0.51, False)),
        ([row(0, None), row(10, 0.0)], None),
        ([row(0, None), row(10, 90.0), row(20, 10.0, None)], (10, 20, 10.0, None, True)),
        ([], None),
    ],
)
def test_the_collapse_is_the_first_checkpoint_beyond_a_bound(rows, expected):
    result = ManyEdits(editor="r-rome", layers=(1,), settings={}, how={}, planned=30, checkpoints=tuple(rows))
    found = result.collapse
    assert (found and (found.before, found.edits, found.rewrite, found.kl, found.broken)) == expected
    assert result.complete == (bool(rows) and rows[-1].edits == 30)
