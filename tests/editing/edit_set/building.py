"""What the tests of edit sets share: a ledger of two editors, and what a ledger holds as plain values."""

from dataclasses import replace

from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.settings import FineTuningSettings, RankOneSettings, ValueSettings

QUICK = RankOneSettings(value=ValueSettings(steps=2, weight_decay=0.0), contexts=0, covariance="identity")


def made(model, facts):
    """Two rank-one entries, one of them off, and a batch of fine-tuning at two layers."""
    ledger = extend(model, Ledger(), facts[:2], "rome", [1], QUICK, "sequential")
    ledger = ledger.toggled(ledger.entries[0].id)
    return extend(model, ledger, facts[2:5], "ft-m", [0, 2], FineTuningSettings(steps=2), "batch")


def plain(ledger):
    """All of a ledger, comparable."""

    def tensors(edit):
        kept = [edit.keys] if edit.keys is not None else []
        parts = [edit.delta, *kept] if not hasattr(edit, "left") else [edit.left, edit.right, *kept]
        return (type(edit).__name__, edit.layer, edit.matrix, [(part.dtype, part.tolist()) for part in parts])

    return [
        (
            replace(item, written=()).__dict__,
            [({**written.__dict__, "edit": None}, tensors(written.edit)) for written in item.written],
        )
        for item in ledger.entries
    ]
