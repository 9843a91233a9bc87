"""Keys and values that are searched once and shared by every editor that asks the same question.

R-ROME, EMMET, MEMIT and AlphaEdit write the same v* at the same key of one layer, so they share the search, which
takes nearly all of an edit's time. Values searched on an edited model are not kept.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, applied
from lga_core.editing.search.search import Contexts, Search, Site, batches, search_tokens
from lga_core.editing.search.value import Value, find_values, weight_decay
from lga_core.editing.settings import ValueSettings
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.halving import Halving
from lga_core.models.sources.derived import derived_path, keep
from lga_core.progress import Phase, Progress, Reporter, silent

VALUE_VERSION = 3  # of the search's numbers: a change of them needs a new one
KEPT_BYTES = 512 * 2**10  # larger values are searched again each time
_ignore_kept: ContextVar[bool] = ContextVar("ignore kept values", default=False)


@contextmanager
def searched_anew() -> Iterator[None]:
    """Within it no value is read that was kept, and none is kept: for timing and replays."""
    token = _ignore_kept.set(True)
    try:
        yield
    finally:
        _ignore_kept.reset(token)


def shared_values(
    model: LoadedModel,
    facts: Sequence[Fact],
    layer: int,
    settings: ValueSettings,
    prefixes: Sequence[str],
    *,
    mean_start: bool,
    edits: Sequence[Edit] = (),
    site: Site = "down",
    prepared: Callable[[], Search] | None = None,
    report: Reporter = silent,
) -> tuple[Value, ...]:
    """The facts' values: read where an earlier search on the unedited model kept them, else searched and kept.

    `prepared` gives a search of just these facts on the unedited model, for a caller that uses it at other layers too;
    where memory runs out that caller has to prepare one of fewer facts. Without it the batch is searched in halves.
    A file holds the keys of all contexts, v0 and δ in float32: 36 KB for SmolLM2-135M and 250 KB for Llama-2-7B with
    4 prefixes; one that would need more than 512 KB is not kept. A damaged file is searched again.
    """
    paths = [
        None if edits or _ignore_kept.get() else _path(model, fact, layer, settings, prefixes, mean_start, site)
        for fact in facts
    ]
    values = {
        place: value
        for place, path in enumerate(paths)
        if path is not None and (value := _read(path, model)) is not None
    }
    missing = [place for place in range(len(facts)) if place not in values]
    contexts = {place: Contexts.of(model, facts[place], prefixes) for place in missing if prepared is None}
    halving = Halving(phase=Phase.EDIT)

    def report_steps(done: int) -> None:
        detail = ", ".join(filter(None, [f"v* at layer {layer}", halving.detail]))
        report(Progress(phase=Phase.EDIT, done=done, total=settings.steps * len(facts), detail=detail))

    def search(places: Sequence[int]) -> Sequence[int]:
        if prepared is not None:
            batch = prepared()
            chosen = places
        else:
            with model.using(f"v* at layer {layer}"), applied(model, edits):
                batch = Search.prepare(model, [contexts[place] for place in places], [layer], site)
            chosen = None
        done = settings.steps * len(values)
        searched = find_values(
            model,
            batch,
            layer,
            settings,
            mean_start=mean_start,
            facts=chosen,
            edits=edits,
            report=lambda step: report_steps(done + step.done * len(places)),
        )
        for place, value in zip(places, searched, strict=True):
            values[place] = value
            if (path := paths[place]) is not None:
                _keep(path, value)
        report_steps(settings.steps * len(values))
        return places

    def tokens(places: Sequence[int]) -> int:
        return search_tokens([contexts[place] for place in places])

    report_steps(settings.steps * len(values))
    if missing and prepared is not None:
        search(missing)
    for places in batches(model, contexts):
        halving.run(search, places, tokens, report=lambda _step: report_steps(settings.steps * len(values)))
    return tuple(values[place] for place in range(len(facts)))


def _path(
    model: LoadedModel,
    fact: Fact,
    layer: int,
    settings: ValueSettings,
    prefixes: Sequence[str],
    mean_start: bool,
    site: Site,
) -> Path:
    # One fingerprint stands for the weights in every dtype, and rounding moves the search.
    question = [
        fact.prompt,
        fact.subject,
        fact.span,
        fact.target_new,
        layer,
        site,
        mean_start,
        tuple(prefixes),
        asdict(replace(settings, weight_decay=weight_decay(settings, model))),
        str(model.dtype),
        model.device.type,
        *model.asked_through,
    ]
    digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
    return derived_path(model, f"values/v{VALUE_VERSION}-{digest[:40]}.safetensors")


def _read(path: Path, model: LoadedModel) -> Value | None:
    """None where there is no file, or none that can be read."""
    try:
        kept = load_file(path, device=str(model.device))
        return Value(
            keys=kept["keys"],
            start=kept["start"],
            delta=kept["delta"],
            losses=tuple(kept["losses"].tolist()),
            clamped=bool(kept["clamped"]),
        )
    except (OSError, SafetensorError, KeyError):
        return None


def _keep(path: Path, value: Value) -> None:
    tensors = {
        "keys": value.keys,
        "start": value.start,
        "delta": value.delta,
        "losses": torch.tensor(value.losses, dtype=torch.float64),
        "clamped": torch.tensor(value.clamped),
    }
    if sum(tensor.nbytes for tensor in tensors.values()) <= KEPT_BYTES:
        contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
        keep(path, lambda place: save_file(contiguous, place))
