"""Keys and values that are searched once and shared by every editor that asks the same question.

R-ROME, EMMET, MEMIT and AlphaEdit write the same v* at the same key of one layer: the search, which is nearly all of
an edit's time, is theirs in common. Values searched on an edited model are not kept.
"""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, applied
from lga_core.editing.search import Contexts, Search, Site, batches
from lga_core.editing.value import Value, ValueSettings, find_values
from lga_core.models.derived import derived_path, keep
from lga_core.models.halving import Halving
from lga_core.models.loaded import LoadedModel
from lga_core.results import Progress, retold

VALUE_VERSION = 2                            # of the search's numbers: a change of them needs a new one
KEPT_BYTES = 512 * 2**10                     # larger values are searched again each time
_anew: ContextVar[bool] = ContextVar("searched anew", default=False)


@contextmanager
def searched_anew() -> Iterator[None]:
    """Within it no value is read that was kept, and none is kept: for timing."""
    token = _anew.set(True)
    try:
        yield
    finally:
        _anew.reset(token)


def shared_values(model: LoadedModel, facts: Sequence[Fact], layer: int, settings: ValueSettings,
                  prefixes: Sequence[str], *, mean_start: bool, edits: Sequence[Edit] = (), site: Site = "down",
                  prepared: Callable[[], Search] | None = None) -> Generator[Progress, None, tuple[Value, ...]]:
    """The facts' values, read where they were found before on the unedited model, else searched and kept.

    `prepared` gives a search of just these facts on the unedited model, for whoever has use for it at other layers too;
    where memory runs out it is his to give one of fewer facts, else the batch is searched in halves.
    A file holds the keys of all contexts, v0 and δ in float32: 36 KB for SmolLM2-135M and 250 KB for Llama-2-7B with
    4 prefixes; one that would need more than 512 KB is not kept. A damaged file is searched again.
    """
    paths = [None if edits or _anew.get() else _path(model, fact, layer, settings, prefixes, mean_start, site)
             for fact in facts]
    found = {place: value for place, path in enumerate(paths)
             if path is not None and (value := _read(path, model)) is not None}
    lacking, total = [place for place in range(len(facts)) if place not in found], settings.steps * len(facts)
    yield Progress(label=f"v* at layer {layer}", done=settings.steps * len(found), total=total)
    contexts = {place: Contexts.of(model, facts[place], prefixes) for place in lacking if prepared is None}
    halving = Halving(what=f"v* at layer {layer}")

    def search(places: Sequence[int]) -> Generator[Progress, None, Sequence[int]]:
        if prepared is not None:
            one, chosen = prepared(), places
        else:
            with model.using(halving.what), applied(model, edits):
                one, chosen = Search.prepare(model, [contexts[place] for place in places], [layer], site), None
        steps = find_values(model, one, layer, settings, mean_start=mean_start, facts=chosen, edits=edits)
        already = settings.steps * len(found)
        values = yield from retold(steps, lambda step: replace(
            step, label=f"{halving.what}{halving.told}", done=already + step.done * len(places), total=total))
        for place, value in zip(places, values, strict=True):
            found[place] = value
            if paths[place] is not None:
                _keep(paths[place], value)
        yield Progress(label=f"{halving.what}{halving.told}", done=settings.steps * len(found), total=total)
        return places

    def tokens(places: Sequence[int]) -> int:
        return sum(len(contexts[place].rows) for place in places) * max(contexts[place].tail for place in places)

    if lacking and prepared is not None:
        yield from search(lacking)
    for places in batches(model, contexts):
        yield from halving.steps(search, places, tokens)
    return tuple(found[place] for place in range(len(facts)))


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
