"""Many edits joined with the store: every checkpoint is stored at once, with the sum that the next edits go on from."""

from collections.abc import Sequence
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from lga_core.data.facts import Fact
from lga_core.editing.edits import DenseEdit
from lga_core.editing.table import editor_named
from lga_core.evaluation.experiments.many_edits import EditSum
from lga_core.evaluation.experiments.many_edits import many_edits as compute
from lga_core.evaluation.settings import ManyEditsSettings
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Reporter, silent
from lga_core.results import EditCheckpoint, ManyEdits, Stored
from lga_core.runs.claims import claimed
from lga_core.runs.reading import finished_many_edits
from lga_core.runs.storage.keys import check_text, many_edits_run
from lga_core.runs.storage.store import Run, Store

FACTS, DELTA, KEYS = "facts", "delta", "keys"  # names of tensors, those of a matrix with its layer and its name
EDITS = "edits"  # what is claimed: they go on from one another, so one computes them all


def many_edits(
    model: LoadedModel,
    facts_name: str,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    settings: Any,
    how: ManyEditsSettings,
    store: Store,
    *,
    report: Reporter = silent,
) -> tuple[ManyEdits, Stored]:
    """Write the facts in order and measure; what is stored is not computed again. `settings` None: the defaults.

    Work that is stopped goes on from its last checkpoint, with the numbers that it would have had. Raises LgaError
    where the text of the second moments changes meanwhile.
    """
    settings = settings or editor_named(editor).settings()
    run = many_edits_run(model.identity, facts_name, facts, layers, editor, settings, how, store)
    places = how.checkpoints(len(facts))
    computed = False
    while not (measured := _measured(run)).issuperset(places):
        with claimed(run, [EDITS], report) as ours:
            if not ours or (measured := _measured(run)).issuperset(places):
                continue
            store.facts.keep(facts)
            begun = _begun(run, model)
            if any(place < begun.facts and place not in measured for place in places):
                begun = EditSum()  # a row before it was lost
            missing = set(places) - measured
            for item in compute(
                model, facts, editor, layers, settings, how, begun=begun, measured=measured, report=report
            ):
                check_text(run, settings)
                if isinstance(item, EditSum):
                    run.keep_state(_content(item))
                    continue
                run.append(str(item.edits), item)
                missing.discard(item.edits)
                if not missing:  # of a finished run that lost a row in the middle: the edits after it are not needed
                    break
            computed = True
            break
    # Else it was deleted meanwhile. A finished run that had lost a row has a sum again, which nobody needs.
    if (computed or not run.complete) and _measured(run).issuperset(places):
        run.finish()
    return finished_many_edits(
        model.identity, facts_name, facts, layers, editor, settings, how, store, reused=len(measured), run=run
    )


def _measured(run: Run) -> set[int]:
    """After how many edits a measurement is stored."""
    return {row.edits for row in run.rows(EditCheckpoint).values()}


def _content(total: EditSum) -> bytes:
    """The sum as safetensors, exact."""
    tensors = {FACTS: torch.tensor(total.facts)}
    for edit in total.edits:
        tensors[f"{DELTA}/{edit.layer}/{edit.matrix}"] = edit.delta.contiguous()
        if edit.keys is not None:
            tensors[f"{KEYS}/{edit.layer}/{edit.matrix}"] = edit.keys.contiguous()
    return save(tensors)


def _begun(run: Run, model: LoadedModel) -> EditSum:
    """The sum that the run kept last; an empty one where there is none that can be read."""
    content = run.state
    if content is None:
        return EditSum()
    try:
        tensors = {name: tensor.to(model.device) for name, tensor in load(content).items()}
        facts = int(tensors.pop(FACTS))
    except (SafetensorError, KeyError):
        return EditSum()
    edits = []
    for name, delta in tensors.items():
        kind, layer, matrix = name.split("/", 2)
        if kind == DELTA:
            keys = tensors.get(f"{KEYS}/{layer}/{matrix}")
            edits.append(DenseEdit(layer=int(layer), matrix=matrix, delta=delta, keys=keys))
    return EditSum(facts=facts, edits=tuple(edits))
