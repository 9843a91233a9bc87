"""A replay says "identical" of what was stored as it is, and names what was not."""

import json
import math
import shutil
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from conftest import forwards, make_fact, tiny_model
from reporting import Collect

from lga_core.data.load import load_facts
from lga_core.editing.settings import FineTuningSettings, RRomeSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.evaluation.settings import ManyEditsSettings, SweepMetrics
from lga_core.models.sources.derived import derived_path
from lga_core.progress import Phase
from lga_core.runs import tasks
from lga_core.runs.experiments.many_edits import many_edits
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.replay.replay import replay
from lga_core.runs.replay.row_comparison import compared
from lga_core.runs.storage.keys import known_facts_run
from lga_core.runs.storage.store import Store
from lga_core.scores.settings import CmaSettings, GradientSettings
from lga_core.view.words.runs import replay_sentence

QUICK = RRomeSettings(value=ValueSettings(steps=2), contexts=1, covariance="identity")
TRACE = CmaSettings(draws=1)


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def measured(model, facts, store, name="gradients", settings=None):
    return tasks.measure(model, "small", facts, name, settings or GradientSettings(), store)[1]


ASKED = {
    "scores": lambda model, facts, store: measured(model, facts, store),
    "causal scores": lambda model, facts, store: measured(model, facts, store, "trace-mlp", TRACE),
    "trace": lambda model, facts, store: tasks.trace_fact(model, "small", facts[1], "mlp", TRACE, facts, store)[1],
    "attribution": lambda model, facts, store: tasks.attribute_fact(model, "small", facts[1], 3, "data", store)[1],
    "trial": lambda model, facts, store: tasks.trial(
        model, "small", facts[0], [2, 1], "r-rome", QUICK, store, diagnose=False
    )[1],
    "sweep": lambda model, facts, store: sweep(model, "small", facts[:2], [3, 1], "r-rome", QUICK, store)[1],
    "capped sweep": lambda model, facts, store: sweep(
        model,
        "small",
        [facts[0], replace(facts[1], rephrases=("It is in", "Where it is:"))],
        [3, 1],
        "r-rome",
        QUICK,
        store,
        metrics=SweepMetrics(answers="best", probes=1),
    )[1],
    "many edits": lambda model, facts, store: many_edits(
        model, "small", facts[:2], [2, 1], "r-rome", QUICK, ManyEditsSettings(every=1), store
    )[1],
}


@pytest.mark.parametrize("what", list(ASKED))
def test_a_run_of_every_kind_is_computed_again_and_is_identical(model, facts, store, what):
    run = store.find(ASKED[what](model, facts, store).provenance.key)
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    with forwards(model) as passes:
        report = replay(model, run)
    assert report.equal and report.largest_difference == 0 and not report.differing_texts
    assert passes and report.cost.seconds > 0 and "Identical to the last digit" in replay_sentence(report)
    assert report.rows == {"scores": 5, "causal scores": 5, "sweep": 4, "capped sweep": 4, "many edits": 3}.get(what, 1)
    assert before == {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}


def test_a_trial_is_replayed_without_what_it_left_of_the_unedited_model(model, facts, store):
    """Its text in the cache is changed: a replay that read it would tell of another text than the stored one."""
    _, stored = tasks.trial(model, "small", facts[0], [1], "r-rome", QUICK, store)
    (kept,) = derived_path(model, "continuations").glob("*.json")
    kept.write_text(json.dumps("something else"))
    asked = Collect()
    report = replay(model, store.find(stored.provenance.key), report=asked)
    assert report.equal and not report.differing_texts
    assert any("before the edit" in step.detail for step in asked.steps)  # the questions, which this process remembers
    assert json.loads(kept.read_text()) == "something else"


@pytest.mark.parametrize("editor", ["ft-m", "r-rome"])
def test_cells_are_computed_again_in_the_batches_in_which_they_were(facts, store, editor):
    """In one batch they are other numbers: a ΔW that is trained follows the sign of its gradient's rounding."""
    model = tiny_model("llama", torch.float32)
    settings = FineTuningSettings(steps=8) if editor == "ft-m" else replace(QUICK, value=ValueSettings(steps=8))
    for some in (facts[:1], facts[1:3], facts[3:]):
        _, stored = sweep(model, "small", some, [3, 1], editor, settings, store)
    report = replay(model, store.find(stored.provenance.key))
    assert report.equal and report.rows == 2 * len(facts) and report.largest_difference == 0


def test_what_no_cap_cuts_is_computed_once_in_the_replay_of_a_sweep(model, facts, store):
    cut = replace(facts[1], rephrases=("It is in", "Where it is:"))
    asked = (model, "small", [replace(facts[0], rephrases=()), cut], [3, 1], "r-rome", QUICK, store)
    for probes in (1, None):
        _, stored = sweep(*asked, metrics=SweepMetrics(probes=probes))
    steps = Collect()
    report = replay(model, store.find(stored.provenance.key), report=steps)
    assert report.equal and report.rows == 6
    done = [step.done for step in steps.steps if step.phase is Phase.SWEEP]  # of the round with each cap
    assert sum(max(after - before, 0) for before, after in pairwise(done)) == 6


def test_known_facts_of_several_sets_are_asked_again(model, facts, store):
    tasks.known_fact_checks(model, facts[:3], store)
    tasks.known_fact_checks(model, facts[2:], store)
    report = replay(model, known_facts_run(model.identity, store))
    assert report.equal and report.rows == len(facts)


def damage(run, change):
    """Change the first stored row on disk."""
    path = run.store.path(run.provenance.key, ".jsonl")
    first, *others = path.read_text().splitlines(keepends=True)
    entry = json.loads(first)
    entry.pop("crc")  # as earlier versions wrote it: a row whose checksum is wrong would be left out
    change(entry["row"])
    path.write_text("".join([json.dumps(entry) + "\n", *others]))


def scale(row):
    row["values"]["product/mlp"][2] *= 1.5


def reword(row):
    row["old_answer"] = "another"


@pytest.mark.parametrize(("change", "said"), [(scale, "values.product/mlp"), (reword, "1 other value")])
def test_a_changed_number_and_a_changed_text_are_not_equal_and_named(model, facts, store, change, said):
    run = store.find(measured(model, facts, store).provenance.key)
    damage(run, change)
    report = replay(model, run)
    assert not report.equal
    assert said in replay_sentence(report) and replay_sentence(report).startswith("Not equal")


def test_the_tolerance_is_a_share_of_the_largest_value_beside_it(model, facts, store):
    measured_rows, stored = tasks.measure(model, "small", facts[:1], "gradients", GradientSettings(), store)
    rows = {"x": measured_rows[0]}

    def with_difference(share):
        values = dict(rows["x"].values)
        product = values["product/mlp"].copy()
        product[0] += share * abs(product).max()
        return {"x": replace(rows["x"], values={**values, "product/mlp": product})}

    assert compared(stored.provenance, rows, with_difference(5e-5), "cpu").equal
    assert not compared(stored.provenance, rows, with_difference(5e-4), "cpu").equal
    missing = compared(stored.provenance, rows, with_difference(math.nan), "cpu")
    assert not missing.equal and "missing on one side" in replay_sentence(missing)
    assert not compared(stored.provenance, rows, {}, "cpu").equal
    half = replace(stored.provenance, machine="cuda, bfloat16, 2 threads")
    assert compared(half, rows, with_difference(2e-2), "cuda").equal
    assert not compared(half, rows, with_difference(5e-2), "cuda").equal


def test_how_near_an_edit_comes_to_its_target_is_compared_as_the_share_that_it_is(model, facts, store):
    report, stored = tasks.trial(model, "small", facts[0], [1], "r-rome", QUICK, store, diagnose=False)
    (error,) = report.target_errors
    assert error < 1e-5  # rounding

    def with_error(value):
        return {"x": replace(report, target_errors=(value,))}

    assert compared(stored.provenance, with_error(error), with_error(2 * error), "cpu").equal
    assert not compared(stored.provenance, with_error(error), with_error(error + 5e-4), "cpu").equal


def test_a_partial_run_is_compared_as_far_as_it_is(model, facts, store):
    stored = measured(model, facts, store, "trace-mlp", TRACE)
    path = store.path(stored.provenance.key, ".jsonl")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:4]))
    store.path(stored.provenance.key, ".done").unlink()
    report = replay(model, store.find(stored.provenance.key))
    assert report.rows == 3 and report.equal and report.largest_difference == 0


def test_another_question_is_refused_by_its_reason(model, facts, store):
    run = store.find(measured(model, facts, store).provenance.key)
    with pytest.raises(LgaError, match="files are not those of then"):
        replay(replace(model, fingerprint="other"), run)
    older = replace(run, provenance=replace(run.provenance, method_version=0, key="b2"))
    for suffix in (".json", ".jsonl"):
        shutil.copy(store.path(run.provenance.key, suffix), store.path("b2", suffix))
    with pytest.raises(LgaError, match="numbers have changed"):
        replay(model, older)
    with pytest.raises(LgaError, match="no row"):
        replay(model, replace(run, provenance=replace(run.provenance, key="c3")))


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ("cpu, float64, 99 threads", "settings or texts are not those of then"),
        ("NVIDIA H200, float64", "settings or texts are not those of then"),
        ("cpu, bfloat16, 2 threads", "computed in bfloat16, and the model is in float64 here"),
    ],
)
def test_of_the_machine_only_the_dtype_is_a_reason(model, facts, store, machine, said):
    run = store.find(measured(model, facts, store).provenance.key)
    for suffix in (".json", ".jsonl"):
        shutil.copy(store.path(run.provenance.key, suffix), store.path("d4", suffix))
    other = replace(run, provenance=replace(run.provenance, key="d4", machine=machine))
    with pytest.raises(LgaError, match=said):
        replay(model, other)


def test_an_older_run_finds_its_facts_in_the_shipped_set_and_says_where_it_cannot(model, store):
    shipped = load_facts("world").facts[3:5]
    own = (make_fact(0, "The Space Needle is in", "Space Needle", "Boston", "Seattle"),)
    runs = [
        store.find(tasks.measure(model, name, facts, "gradients", GradientSettings(), store)[1].provenance.key)
        for name, facts in (("world", shipped), ("mine", own))
    ]
    shutil.rmtree(store.root / "facts")  # as an earlier version stored them
    assert replay(model, runs[0]).largest_difference == 0
    with pytest.raises(LgaError, match="does not record its facts"):
        replay(model, runs[1])
