"""Keys and values that are searched once and shared by every editor that asks the same question.

R-ROME, EMMET, MEMIT and AlphaEdit write the same v* at the same key of one layer: the search, which is nearly all of
an edit's time, is theirs in common. Values searched on an edited model are not kept.
"""

import hashlib
import json
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit
from lga_core.editing.search import Site
from lga_core.editing.value import Value, ValueSettings, find_value
from lga_core.models.derived import derived_path, keep
from lga_core.models.loaded import LoadedModel
from lga_core.results import Progress

VALUE_VERSION = 1                            # of the search's numbers: a change of them needs a new one
KEPT_BYTES = 512 * 2**10                     # larger values are searched again each time


def shared_value(model: LoadedModel, fact: Fact, layer: int, settings: ValueSettings, prefixes: Sequence[str], *,
                 mean_start: bool, edits: Sequence[Edit] = (),
                 site: Site = "down") -> Generator[Progress, None, Value]:
    """`find_value`, read where it was found before on the unedited model, else searched and kept.

    A file holds the keys of all contexts, v0 and δ in float32: 36 KB for SmolLM2-135M and 250 KB for Llama-2-7B with
    4 prefixes; one that would need more than 512 KB is not kept. A damaged file is searched again.
    """
    if edits:
        return (yield from find_value(model, fact, layer, settings, prefixes, mean_start=mean_start, edits=edits,
                                      site=site))
    path = _path(model, fact, layer, settings, prefixes, mean_start, site)
    if (value := _read(path, model)) is not None:
        yield Progress(label=f"v* at layer {layer}", done=settings.steps, total=settings.steps)
        return value
    value = yield from find_value(model, fact, layer, settings, prefixes, mean_start=mean_start, site=site)
    _keep(path, value)
    return value


def shared_values(model: LoadedModel, facts: Sequence[Fact], layer: int, settings: ValueSettings,
                  prefixes: Sequence[str], *, edits: Sequence[Edit] = (),
                  site: Site = "down") -> Generator[Progress, None, tuple[Value, ...]]:
    """The values of many facts, each searched alone from the mean over contexts; progress over all of them."""
    values, total = [], settings.steps * len(facts)
    for number, fact in enumerate(facts):
        steps = shared_value(model, fact, layer, settings, prefixes, mean_start=True, edits=edits, site=site)
        with closing(steps):
            while True:
                try:
                    step = next(steps)
                except StopIteration as end:
                    values.append(end.value)
                    break
                yield replace(step, done=number * settings.steps + step.done, total=total)
        if len(facts) > 1:
            yield Progress(label=f"v* at layer {layer}", done=(number + 1) * settings.steps, total=total)
    return tuple(values)


def _path(model: LoadedModel, fact: Fact, layer: int, settings: ValueSettings, prefixes: Sequence[str],
          mean_start: bool, site: Site) -> Path:
    # One fingerprint stands for the weights in every dtype, and rounding moves the search.
    question = [fact.prompt, fact.subject, fact.span, fact.target_new, layer, site, mean_start, tuple(prefixes),
                asdict(replace(settings, weight_decay=settings.decay(model))), str(model.dtype), model.device.type]
    digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
    return derived_path(model, f"values/v{VALUE_VERSION}-{digest[:40]}.safetensors")


def _read(path: Path, model: LoadedModel) -> Value | None:
    """None where there is no file, or none that can be read."""
    try:
        kept = load_file(path, device=str(model.device))
        return Value(keys=kept["keys"], start=kept["start"], delta=kept["delta"],
                     losses=tuple(kept["losses"].tolist()), clamped=bool(kept["clamped"]))
    except (OSError, SafetensorError, KeyError):
        return None


def _keep(path: Path, value: Value) -> None:
    tensors = {"keys": value.keys, "start": value.start, "delta": value.delta,
               "losses": torch.tensor(value.losses, dtype=torch.float64), "clamped": torch.tensor(value.clamped)}
    if sum(tensor.nbytes for tensor in tensors.values()) <= KEPT_BYTES:
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        keep(path, lambda place: save_file(contiguous, place))
