"""What the tests of the editors share: settings for tiny models, a plain log p, and weights that are merged."""

import copy
from dataclasses import replace

import torch

from lga_core.editing.editors.alphaedit import alphaedit
from lga_core.editing.editors.emmet import emmet
from lga_core.editing.editors.memit import memit
from lga_core.editing.editors.rome import r_rome, rome
from lga_core.editing.edits import LowRankEdit
from lga_core.editing.settings import AlphaEditSettings, EmmetSettings, MemitSettings, RankOneSettings, ValueSettings
from lga_core.models.running.forward import answer_nll, final_hidden
from lga_core.models.text.tokens import AnswerIndex, Batch, answer_row, prompt_row

FAMILIES = ("gpt2", "llama", "gemma3")
# No weight decay: ROME's is scaled for outputs of a trained model's size, and holds a tiny one's δ near zero.
VALUE = ValueSettings(steps=6, learning_rate=0.02, weight_decay=0.0)
SETTINGS = RankOneSettings(value=VALUE, contexts=2)
EDITORS = {"rome": rome, "r-rome": r_rome, "emmet": emmet, "memit": memit, "alphaedit": alphaedit}
EXACT = {  # each editor told to write all of its residual
    "rome": SETTINGS,
    "r-rome": SETTINGS,
    "emmet": EmmetSettings(value=VALUE, contexts=2, lam=0.0),
    "memit": MemitSettings(value=VALUE, contexts=2, m=0.0, several="each"),
    "alphaedit": AlphaEditSettings(value=VALUE, contexts=2, l2=0.0, several="each"),
}
BATCHED = ("emmet", "memit", "alphaedit")


def log_p(model, fact):
    row = answer_row(model.asking, fact.prompt, fact.target_new)
    batch = Batch.of([row], model.device)
    with torch.no_grad():
        return -answer_nll(model, final_hidden(model, batch), AnswerIndex.of([row], batch)).double()


def key_seen(model, prompt, position, layer):
    """The down projection's input at one token, by a plain hook."""
    seen = []
    handle = model.architecture.blocks[layer].down.module.register_forward_pre_hook(
        lambda _module, args: seen.append(args[0][0, position])
    )
    model.model(input_ids=torch.tensor([prompt_row(model.asking, prompt).ids]))
    handle.remove()
    return seen[0]


def merged_with(model, edits):
    """A copy of the model whose weights hold the edits."""
    network = copy.deepcopy(model.model)
    merged = replace(model, model=network, architecture=model.architecture.find(network))
    with torch.no_grad():
        for edit in edits:
            merged.architecture.blocks[edit.layer].down.weight.add_(edit.delta)
    return merged


def nothing(model, layer):
    """An edit that changes nothing: with it in place no value is read or kept."""
    down = model.architecture.blocks[layer].down
    return LowRankEdit(layer=layer, matrix=down.name, left=torch.zeros(1, down.d_out), right=torch.zeros(1, down.d_in))
