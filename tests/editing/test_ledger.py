"""The ledger: order, what stands on what, and an undo that is exact."""

import pytest
import torch
from conftest import make_fact, tiny_model
from reporting import Collect
from weights import weights_hash

from lga_core.editing.edits import applied
from lga_core.editing.ledger import Entry, Ledger, extend, extensions, hash_of, recompute
from lga_core.editing.settings import FineTuningSettings, RankOneSettings, ValueSettings
from lga_core.editing.table import editor_named
from lga_core.errors import LgaError
from lga_core.models.text.tokens import prompt_row
from lga_core.progress import Cancelled

QUICK = RankOneSettings(value=ValueSettings(steps=2, weight_decay=0.0), contexts=0, covariance="identity")
TUNED = FineTuningSettings(steps=2)


def entry(name, on=(), enabled=True):
    return Entry(
        id=name,
        facts=(),
        editor="rome",
        version=1,
        layers=(1,),
        settings=QUICK,
        mode="sequential",
        written=(),
        on=hash_of(on),
        enabled=enabled,
    )


def names(ledger):
    return "".join(item.id for item in ledger.entries)


def logits(model, edits):
    ids = torch.tensor([prompt_row(model.asking, "The Space Needle is in downtown").ids])
    with applied(model, edits), torch.no_grad():
        return model.model(input_ids=ids).logits


@pytest.fixture
def abc():
    return Ledger().added(entry("a"), entry("b", ("a",)), entry("c", ("a", "b")))


def stale(ledger):
    return "".join(item.id for item in ledger.entries if item.id in ledger.stale)


@pytest.mark.parametrize(
    "change, order, outdated",
    [
        (lambda ledger: ledger, "abc", ""),
        (lambda ledger: ledger.removed("c"), "ab", ""),
        (lambda ledger: ledger.removed("a"), "bc", "bc"),
        (lambda ledger: ledger.removed("a", "b"), "c", "c"),
        (lambda ledger: ledger.toggled("b"), "abc", "c"),
        (lambda ledger: ledger.toggled("b").toggled("b"), "abc", ""),
        (lambda ledger: ledger.moved("c", 0), "cab", "cab"),
        (lambda ledger: ledger.moved("c", 1), "acb", "cb"),
        (lambda ledger: ledger.moved("a", 99), "bca", "bca"),
        (lambda ledger: ledger.moved("b", 0).moved("b", 1), "abc", ""),
    ],
)
def test_changes_and_what_they_make_stale(abc, change, order, outdated):
    changed = change(abc)
    assert names(changed) == order and stale(changed) == outdated
    assert names(abc) == "abc" and stale(abc) == "" and all(item.enabled for item in abc.entries)


@pytest.mark.parametrize("change", ["removed", "toggled", "entry"])
def test_an_entry_that_is_gone_is_named_as_such(abc, change):
    with pytest.raises(LgaError, match="no longer in the ledger"):
        getattr(abc.removed("b"), change)("b")


def test_a_sequence_of_fifty_is_undone_exactly():
    model = tiny_model("gpt2", torch.float32)
    facts = [
        make_fact(i, f"The city number {i} is in", f"city number {i}", ("Rome", "Japan")[i % 2], None)
        for i in range(50)
    ]
    before, weights = logits(model, []), weights_hash(model.model)
    ledger = extend(model, Ledger(), facts, "r-rome", [1, 2], QUICK, "sequential")
    assert len(ledger.entries) == 50 and len(ledger.edits) == 100
    assert [item.on for item in ledger.entries] == [hash_of(e.id for e in ledger.entries[:i]) for i in range(50)]
    changed = logits(model, ledger.edits)
    assert (changed - before).abs().max() > 0.1
    for item in ledger.entries:
        ledger = ledger.toggled(item.id)
    assert not ledger.edits and torch.equal(logits(model, ledger.edits), before)
    for item in ledger.entries:
        ledger = ledger.toggled(item.id)
    assert torch.equal(logits(model, ledger.edits), changed)
    assert torch.equal(logits(model, ledger.removed(*(item.id for item in ledger.entries)).edits), before)
    assert weights_hash(model.model) == weights


def test_each_is_computed_on_the_earlier_ones(facts):
    model = tiny_model("llama", torch.float32)
    ledger = extend(model, Ledger(), facts[:3], "rome", [2], QUICK, "sequential")
    run, base = editor_named("rome").run, ()
    for item, fact in zip(ledger.entries, facts, strict=False):
        (written,) = run(model, [fact], (2,), QUICK, base)
        assert torch.equal(item.edits[0].delta, written.edit.delta) and item.facts == (fact,)
        base = (*base, written.edit)
    (alone,) = run(model, [facts[2]], (2,), QUICK, ())
    assert not torch.allclose(alone.edit.delta, base[-1].delta)
    switched_off = ledger.toggled(ledger.entries[1].id)
    later = extend(model, switched_off, [facts[4]], "rome", [2], QUICK, "sequential").entries[-1]
    assert later.on == hash_of((ledger.entries[0].id, ledger.entries[2].id))
    (expected,) = run(model, [facts[4]], (2,), QUICK, (base[0], base[2]))
    assert torch.equal(later.edits[0].delta, expected.edit.delta)


def test_a_batch_is_one_entry(facts):
    model = tiny_model("llama", torch.float32)
    ledger = extend(model, Ledger(), facts[:3], "ft-m", [2, 1], TUNED, "batch")
    (only,) = ledger.entries
    assert only.facts == tuple(facts[:3]) and only.layers == (1, 2) and len(only.written) == 2
    assert only.mode == "batch" and ledger.facts == tuple(facts[:3])
    with pytest.raises(LgaError, match="one fact at a time"):
        extend(model, ledger, facts[:3], "rome", [1], QUICK, "batch")
    for mode in ("sequential", "batch"):
        with pytest.raises(LgaError, match="No fact"):
            extend(model, ledger, [], "ft-m", [1], TUNED, mode)


def test_recomputing_gives_what_the_order_of_now_would_have_given(facts):
    model = tiny_model("gemma3", torch.float32)
    ledger = extend(model, Ledger(), facts[:4], "rome", [1], QUICK, "sequential")
    first, second, third, fourth = (item.id for item in ledger.entries)
    changed = ledger.toggled(third).removed(second)
    assert changed.stale == {third, fourth} and first == changed.entries[0].id
    fresh = list(recompute(model, changed))[-1]
    expected = extend(model, Ledger(), [facts[0], facts[3]], "rome", [1], QUICK, "sequential")
    assert [item.facts for item in fresh.enabled] == [item.facts for item in expected.entries]
    for got, wanted in zip(fresh.edits, expected.edits, strict=True):
        assert torch.equal(got.delta, wanted.delta)
    assert fresh.entries[0] is ledger.entries[0] and fresh.entries[1] is changed.entries[1]  # fresh; switched off
    assert fresh.entries[2].id != fourth and fresh.entries[2].id not in fresh.stale
    assert list(recompute(model, fresh)) == []


def test_what_stands_on_a_recomputed_entry_is_recomputed_too(facts):
    model = tiny_model("llama", torch.float32)
    ledger = extend(model, Ledger(), facts[:3], "rome", [1], QUICK, "sequential")
    moved = ledger.moved(ledger.entries[1].id, 0)
    report = Collect()
    ledgers = list(recompute(model, moved, report=report))
    assert [step.total for step in report.steps] == [3] * len(report.steps)
    assert sorted({step.done for step in report.steps}) == [0, 1, 2]
    assert [stale(item) == "" for item in ledgers] == [False, False, True]  # one more entry is fresh each time
    fresh = ledgers[-1]
    expected = extend(model, Ledger(), [facts[1], facts[0], facts[2]], "rome", [1], QUICK, "sequential")
    for got, wanted in zip(fresh.edits, expected.edits, strict=True):
        assert torch.equal(got.delta, wanted.delta)


def test_a_cancelled_recomputation_keeps_the_entries_that_it_finished(facts):
    model = tiny_model("llama", torch.float32)
    ledger = extend(model, Ledger(), facts[:3], "rome", [1], QUICK, "sequential")
    moved = ledger.moved(ledger.entries[1].id, 0)
    whole = list(recompute(model, moved))
    report = Collect(lambda step: cancel() if step.done == 2 else None)
    kept = []
    with pytest.raises(Cancelled):
        kept.extend(recompute(model, moved, report=report))
    assert len(kept) == 2 and stale(kept[-1]) == kept[-1].entries[2].id
    assert all(
        torch.equal(got.delta, wanted.delta)
        for got, wanted in zip(kept[-1].edits[:2], whole[-1].edits[:2], strict=True)
    )
    again = list(recompute(model, kept[-1]))  # goes on where it was
    assert len(again) == 1 and again[0].entries[:2] == kept[-1].entries[:2]
    assert torch.equal(again[0].edits[2].delta, whole[-1].edits[2].delta)


def cancel():
    raise Cancelled


def test_progress_counts_the_entries_and_a_cancel_keeps_those_that_are_written(facts):
    model = tiny_model("llama", torch.float32)
    report = Collect()
    extend(model, Ledger(), facts[:3], "rome", [1], QUICK, "sequential", report=report)
    assert {step.total for step in report.steps} == {3}
    assert [step.done for step in report.steps] == sorted(step.done for step in report.steps)
    assert report.steps[-1].done == 2 and report.steps[-1].detail.startswith("edit 3 of 3, v* at layer 1")
    alone = Collect()
    extend(model, Ledger(), facts[:1], "rome", [1], QUICK, "sequential", report=alone)
    assert alone.steps[-1].total == QUICK.value.steps
    cancelling = Collect(lambda step: cancel() if step.done == 1 else None)
    ledgers = []
    with pytest.raises(Cancelled):
        ledgers.extend(extensions(model, Ledger(), facts[:3], "rome", [1], QUICK, "sequential", report=cancelling))
    assert [item.facts for item in ledgers[-1].entries] == [(facts[0],)]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.model.modules())
