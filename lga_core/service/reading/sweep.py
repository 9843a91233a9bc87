"""A sweep as pages see it: what the store has of it, what the selectors say of its facts, and the verdict.

No model and no torch. While a sweep runs it is read again and again: only what was added is read and judged.
"""

from collections.abc import Collection, Hashable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from lga_core.data.facts import Fact
from lga_core.data.select import editable
from lga_core.results import LayerScores, ModelIdentity, Stored, Sweep, Worth
from lga_core.runs.reading import finished_rows, finished_sweep
from lga_core.runs.storage.keys import measurement_run, sweep_run
from lga_core.runs.storage.store import Run, Store
from lga_core.scores.methods import layer_scores
from lga_core.service.reading.stored import proxy_facts, test_candidates
from lga_core.service.requests import Need, ProxySet, SweepRequest
from lga_core.worth.selectors import SELECTORS
from lga_core.worth.verdict import sweep_verdict

Part = Literal["proxy", "test"]
_QUICK = ("gradients", "gradxact", "forecast", "hidden-distance")  # measurements of about one pass over the facts


@dataclass(frozen=True, kw_only=True, eq=False)
class SweepView:
    """A sweep at one moment."""

    layers: int | None  # of the model
    facts: Mapping[Part, tuple[Fact, ...]]  # to be edited, where that is known
    parts: Mapping[Part, tuple[Sweep, Stored]] = field(default_factory=dict)  # as far as they are measured
    scores: Mapping[str, tuple[LayerScores, Stored | None]] = field(default_factory=dict)  # by selector

    @cached_property
    def sweeps(self) -> dict[Part, Sweep]:
        return {part: sweep for part, (sweep, _stored) in self.parts.items()}

    @property
    def judging(self) -> tuple[Part, ...]:
        """The parts with a measured edit, the test facts first; none before the proxy has one."""
        begun = [part for part, sweep in self.sweeps.items() if (sweep.measured == 1).any()]
        return tuple(part for part in ("test", "proxy") if part in begun) if "proxy" in begun else ()

    def answers(self, request: SweepRequest) -> bool:
        """Whether all that is asked for is measured."""
        asked = {"proxy"} if request.test is None else {"proxy", "test"}
        return asked <= self.sweeps.keys() and all(sweep.complete for sweep in self.sweeps.values())


class SweepReader:
    """Reads one sweep; `seed` is that of the scores and of the verdict.

    Raises LgaError for a text of C that cannot be read.
    """

    def __init__(self, identity: ModelIdentity | None, request: SweepRequest, seed: int, store: Store) -> None:
        self._identity = identity
        self._request = request
        self._seed = seed
        self._store = store
        self._chosen: tuple[Fact, ...] = ()  # the proxy's facts, also those that cannot be edited
        self._facts: dict[Part, tuple[Fact, ...]] = {}
        self._cells: Run | None = None
        self._rows: dict[Need, Run] = {}
        self._cells_stamp: Hashable = ()
        self._rows_stamp: Hashable = ()
        self._view: SweepView | None = None
        self._verdicts: dict[Part, Worth] = {}

    def read(self) -> SweepView:
        """What the store has now: the same object while nothing was added."""
        self._choose_facts()
        cells_stamp = self._stamp_of_cells()
        rows_stamp = tuple(run.stamp for run in self._score_runs().values())
        view = self._view
        if view is not None and (cells_stamp, rows_stamp) == (self._cells_stamp, self._rows_stamp):
            return view
        parts = view.parts if view is not None and cells_stamp == self._cells_stamp else self._read_cells()
        scores = view.scores if view is not None and rows_stamp == self._rows_stamp else self._read_scores()
        self._cells_stamp = cells_stamp
        self._rows_stamp = rows_stamp
        self._verdicts.clear()
        self._view = SweepView(
            layers=self._identity.layers if self._identity else None,
            facts=dict(self._facts),
            parts=parts,
            scores=scores,
        )
        return self._view

    def verdict(self, part: Part) -> Worth:
        """What the picks are worth on one part of what was read last, which must have a measured edit."""
        view = self._view or self.read()
        if part not in self._verdicts:
            scores = {name: item for name, (item, _stored) in view.scores.items()}
            self._verdicts[part] = sweep_verdict(
                scores, view.sweeps["proxy"], view.sweeps[part], in_sample=part == "proxy", seed=self._seed
            )
        return self._verdicts[part]

    def _choose_facts(self) -> None:
        """Both parts' facts, as far as they are known without asking the model. What is chosen stays."""
        request = self._request
        if not self._chosen:
            self._chosen = tuple(proxy_facts(self._identity, request.proxy, self._store) or ())
            if self._chosen:
                self._facts["proxy"] = editable(self._chosen)
        if self._chosen and request.test is not None and "test" not in self._facts:
            candidates = test_candidates(request.test, self._chosen)
            test = proxy_facts(self._identity, replace(request.test, candidates=candidates), self._store)
            if test:
                self._facts["test"] = tuple(test)

    def _stamp_of_cells(self) -> Hashable:
        if self._identity is None or not self._facts:
            return None
        if self._cells is None:
            self._cells = sweep_run(
                self._identity, self._request.editor, self._request.settings, self._store, self._request.metrics
            )
        return tuple(self._facts), self._cells.stamp

    def _score_runs(self) -> dict[Need, Run]:
        """Of every measurement that a selector reads."""
        facts = self._facts.get("proxy", ())
        if self._identity is not None and facts and not self._rows:
            name = self._request.proxy.name
            needs = {need_of(selector, self._seed, self._request.settings) for selector in SELECTORS}
            self._rows = {
                need: measurement_run(self._identity, name, facts, need.measurement, need.settings, self._store)
                for need in needs
                if need is not None
            }
        return self._rows

    def _read_cells(self) -> dict[Part, tuple[Sweep, Stored]]:
        asked = self._request
        identity = self._identity
        if identity is None:
            return {}
        names = {"proxy": asked.proxy.name, "test": asked.test.name if asked.test is not None else ""}
        return {
            part: finished_sweep(
                identity,
                names[part],
                facts,
                asked.layers,
                asked.editor,
                asked.settings,
                self._store,
                metrics=asked.metrics,
            )
            for part, facts in self._facts.items()
            if facts
        }

    def _read_scores(self) -> dict[str, tuple[LayerScores, Stored | None]]:
        """The scores of every selector whose measurement the store has for all of the proxy's facts.

        They are the facts that can be edited: a pick and the sweep that judges it are of the same ones.
        """
        scores: dict[str, tuple[LayerScores, Stored | None]] = {}
        facts = self._facts.get("proxy", ())
        if self._identity is None or not facts:
            return scores
        measured = {
            need: finished_rows(
                self._identity, self._request.proxy.name, facts, need.measurement, need.settings, self._store
            )
            for need in self._rows
        }
        for name, selector in SELECTORS.items():
            if selector.method is None:
                continue
            view = replace(selector.choices(self._seed, self._request.settings), bootstrap=0)
            need = need_of(name, self._seed, self._request.settings)
            if need is None:
                scores[name] = layer_scores(selector.method, (), self._identity.layers, view), None
                continue
            rows, stored = measured[need]
            if len(rows) == len(facts):
                scores[name] = (
                    layer_scores(selector.method, rows, self._identity.layers, view, asdict(need.settings)),
                    stored,
                )
        return scores


def need_of(selector: str, seed: int, editor: Any) -> Need | None:
    """The measurement that a selector reads; None for the middle layer and for the sweep itself.

    `editor`: the settings of the editor that is swept. A forecast is of that very edit.
    """
    need = SELECTORS[selector].need(seed, editor)
    return None if need is None else Need(measurement=need[0], settings=need[1])


def missing_needs(scored: Collection[str], seed: int, editor: Any) -> dict[str, tuple[Need, bool]]:
    """What is not measured yet, by the title of the first selector that reads it; True: quick. As `need_of`."""
    titles: dict[Need, str] = {}
    for name, selector in SELECTORS.items():
        need = need_of(name, seed, editor)
        if need is not None and name not in scored:
            titles.setdefault(need, selector.title)
    return {title: (need, need.measurement in _QUICK) for need, title in titles.items()}


def scored_set(proxy: ProxySet, view: SweepView) -> ProxySet:
    """The facts that selectors are scored on: those of the proxy that can be edited."""
    facts = view.facts["proxy"]
    return ProxySet(name=proxy.name, candidates=facts, limit=len(facts))
