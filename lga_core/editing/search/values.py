"""Keys and values that are searched once and shared by every editor that asks the same question.

R-ROME, EMMET, MEMIT and AlphaEdit write the same v* at the same key of one layer, so they share the search, which
takes nearly all of an edit's time. Values searched on an edited model are not kept.

What one case alone finds and what it finds in a batch differ by rounding, which the search may enlarge (METHOD.md §4):
they are kept apart, so that a trial's numbers do not depend on what was swept before.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from lga_core.data.facts import Fact
from lga_core.editing.edits import Edit, applied
from lga_core.editing.search.contexts import Contexts, batches, search_tokens
from lga_core.editing.search.search import Case, Search, Site
from lga_core.editing.search.value import Value, find_cases, layer_span, weight_decay
from lga_core.editing.settings import ValueSettings
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.halving import Halving
from lga_core.models.sources.derived import derived_path, keep, kept
from lga_core.progress import Phase, Progress, Reporter, silent

VALUE_VERSION = 4  # of the search's numbers: a change of them needs a new one; up to 3 one file served both ways
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
    report: Reporter = silent,
) -> tuple[Value, ...]:
    """The facts' values: read where an earlier search on the unedited model kept them, else searched and kept.

    A batch that runs out of memory is searched in halves. A file holds the keys of all contexts, v0 and δ in float32:
    36 KB for SmolLM2-135M and 250 KB for Llama-2-7B with 4 prefixes; one that would need more than 512 KB is not kept.
    A damaged file is searched again.
    """
    kept = _Kept.of(model, facts, [layer], settings, prefixes, mean_start, site, nothing=bool(edits))
    contexts = {fact: Contexts.of(model, facts[fact], prefixes) for _, fact in kept.missing}
    halving = Halving(phase=Phase.EDIT)

    def report_steps(done: int) -> None:
        detail = ", ".join(filter(None, [f"v* at layer {layer}", halving.detail]))
        report(Progress(phase=Phase.EDIT, done=done, total=settings.steps * len(facts), detail=detail))

    def search(places: Sequence[int]) -> Sequence[int]:
        with model.using(f"v* at layer {layer}"), applied(model, edits):
            batch = Search.prepare(model, [contexts[place] for place in places], [layer], site)
        done = settings.steps * len(kept.values)
        searched = find_cases(
            model,
            batch,
            [(layer, number) for number in range(len(places))],
            settings,
            mean_start=mean_start,
            edits=edits,
            report=lambda step: report_steps(done + step.done * len(places)),
        )
        kept.add([(layer, place) for place in places], searched)
        report_steps(settings.steps * len(kept.values))
        return places

    def tokens(places: Sequence[int]) -> int:
        return search_tokens([contexts[place] for place in places])

    report_steps(settings.steps * len(kept.values))
    for places in batches(model, contexts):
        halving.run(search, places, tokens, report=lambda _step: report_steps(settings.steps * len(kept.values)))
    return kept.at(layer)


def values_at_layers(
    model: LoadedModel,
    facts: Sequence[Fact],
    layers: Sequence[int],
    settings: ValueSettings,
    prefixes: Sequence[str],
    prepared: Callable[[], Search],
    *,
    mean_start: bool,
    report: Reporter = silent,
) -> dict[int, tuple[Value, ...]]:
    """`shared_values` of the unedited model at each of these layers, all of them in one search.

    `prepared` gives the search of just these facts, at these layers or more; it is called where one is needed.
    """
    kept = _Kept.of(model, facts, layers, settings, prefixes, mean_start, "down")
    total = settings.steps * len(facts) * len(layers)
    detail = f"v* at {layer_span(layers)}"

    def report_steps(done: int) -> None:
        report(Progress(phase=Phase.EDIT, done=done, total=total, detail=detail))

    before = settings.steps * len(kept.values)
    report_steps(before)
    if cases := sorted(kept.missing):
        searched = find_cases(
            model,
            prepared(),
            cases,
            settings,
            mean_start=mean_start,
            report=lambda step: report_steps(before + step.done * len(cases)),
        )
        kept.add(cases, searched)
        report_steps(total)
    return {layer: kept.at(layer) for layer in layers}


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """The cases that are asked for, and the values that are known of them."""

    paths: Mapping[Case, Path | None]  # where each is kept, if it is
    values: dict[Case, Value]

    @classmethod
    def of(
        cls,
        model: LoadedModel,
        facts: Sequence[Fact],
        layers: Sequence[int],
        settings: ValueSettings,
        prefixes: Sequence[str],
        mean_start: bool,
        site: Site,
        *,
        nothing: bool = False,
    ) -> "_Kept":
        """With what is kept on disk; with `nothing` that is neither read nor added to."""
        how = [
            site,
            mean_start,
            tuple(prefixes),
            asdict(replace(settings, weight_decay=weight_decay(settings, model))),
            str(model.dtype),  # one fingerprint stands for the weights in every dtype, and rounding moves the search
            model.device.type,
            *model.asked_through,
            len(facts) * len(layers) == 1,
        ]
        paths = {
            (layer, place): None if nothing or _ignore_kept.get() else _path(model, fact, layer, how)
            for layer in layers
            for place, fact in enumerate(facts)
        }
        readings = {case: _read(path, model) for case, path in paths.items() if path is not None}
        return cls(paths=paths, values={case: value for case, value in readings.items() if value is not None})

    @property
    def missing(self) -> list[Case]:
        return [case for case in self.paths if case not in self.values]

    def add(self, cases: Sequence[Case], values: Sequence[Value]) -> None:
        for case, value in zip(cases, values, strict=True):
            self.values[case] = value
            if (path := self.paths[case]) is not None:
                _keep(path, value)

    def at(self, layer: int) -> tuple[Value, ...]:
        """The facts' values at a layer, in order."""
        return tuple(self.values[case] for case in self.paths if case[0] == layer)


def _path(model: LoadedModel, fact: Fact, layer: int, how: Sequence[object]) -> Path:
    """Where the value is kept; `how`: all that the search depends on beside model, fact and layer."""
    question = [fact.prompt, fact.subject, fact.span, fact.target_new, layer, *how]
    digest = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
    return derived_path(model, f"values/v{VALUE_VERSION}-{digest[:40]}.safetensors")


def _read(path: Path, model: LoadedModel) -> Value | None:
    """None where there is no file, or none that can be read."""

    def value(place: Path) -> Value:
        tensors = load_file(place, device=str(model.device))
        return Value(
            keys=tensors["keys"],
            start=tensors["start"],
            delta=tensors["delta"],
            losses=tuple(tensors["losses"].tolist()),
            clamped=bool(tensors["clamped"]),
        )

    return kept(path, value)


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
