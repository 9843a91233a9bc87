"""What the store has of a question, read by the server's process: no model, no torch.

Each reader keeps what it has parsed, so that a look costs what was added since the last one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lga_core.data.facts import Fact
from lga_core.data.select import apart_from, editable
from lga_core.results import (
    CausalTrace,
    FactRow,
    Kind,
    KnownFactCheck,
    ManyEdits,
    ModelIdentity,
    Stored,
    TokenAttribution,
)
from lga_core.runs import reading
from lga_core.runs.storage.keys import attribution_run, trace_run
from lga_core.runs.storage.store import Store
from lga_core.scores.settings import TOKEN_ATTRIBUTION_STEPS
from lga_core.service.requests import ManyEditsRequest, Need, ProxySet, TraceRequest


@dataclass(frozen=True, kw_only=True)
class ScoredFacts:
    """What is known about a proxy set's facts."""

    identity: ModelIdentity
    facts: tuple[Fact, ...]  # in the order in which they are measured
    checks: Mapping[int, KnownFactCheck]  # by record
    measured: Mapping[Need, tuple[tuple[FactRow, ...], Stored]]  # those with at least one row


@dataclass(frozen=True, kw_only=True)
class Traced:
    """What the store has of one fact's traces and token attributions that are asked for."""

    request: TraceRequest
    traces: Mapping[Kind, tuple[CausalTrace, Stored]]
    attribution: tuple[TokenAttribution, Stored] | None

    @property
    def empty(self) -> bool:
        return not self.traces and self.attribution is None

    @property
    def complete(self) -> bool:
        return len(self.traces) == len(self.request.kinds) and self.attribution is not None

    @property
    def keys(self) -> set[str]:
        """Of the stored runs that it is from."""
        found = [*self.traces.values(), *([] if self.attribution is None else [self.attribution])]
        return {stored.provenance.key for _result, stored in found}


def proxy_facts(identity: ModelIdentity | None, proxy: ProxySet, store: Store) -> tuple[Fact, ...] | None:
    """The facts that a proxy set names, where that can be told from what is stored."""
    if not proxy.known_only:
        return proxy.facts
    return None if identity is None else reading.choose_known(identity, proxy.candidates, proxy.limit, store)


def scored_facts(
    identity: ModelIdentity,
    proxy: ProxySet,
    needs: Sequence[Need],
    store: Store,
    answered: Mapping[Need, Stored | None] | None = None,
) -> ScoredFacts:
    """Checks and measured rows, as far as they are.

    `answered`: what a job said about each of its needs, None before its end: such rows count as computed now. Those of
    other needs were stored before.
    """
    facts = proxy_facts(identity, proxy, store) or ()
    measured = {}
    for need in needs if facts else ():
        rows, stored = reading.finished_rows(identity, proxy.name, facts, need.measurement, need.settings, store)
        if rows:
            if answered is not None and need in answered:
                said = answered[need]
                stored = replace(stored, reused=0 if said is None else said.reused)
            measured[need] = rows, stored
    checks = reading.stored_known_facts(identity, facts, store) if facts else {}
    return ScoredFacts(identity=identity, facts=tuple(facts), checks=checks, measured=measured)


def is_measured(identity: ModelIdentity, proxy: ProxySet, need: Need, store: Store) -> bool:
    """Whether the store has a measurement of all of a proxy set's facts."""
    known = scored_facts(identity, proxy, (need,), store)
    return need in known.measured and len(known.measured[need][0]) == len(known.facts)


def traced(identity: ModelIdentity | None, request: TraceRequest, store: Store) -> Traced:
    """One fact's finished traces and its token attributions. `identity`: None where nothing can be stored yet."""
    facts = None if identity is None else proxy_facts(identity, request.proxy, store)
    traces = {}
    attribution = None
    if facts:
        runs = {
            kind: trace_run(identity, request.proxy.name, request.fact, kind, request.settings, facts, store)
            for kind in request.kinds
        }
        stored = {kind: reading.stored_answer(run, CausalTrace, request.fact) for kind, run in runs.items()}
        traces = {kind: item for kind, item in stored.items() if item is not None}
    if identity is not None:
        asked = attribution_run(identity, request.proxy.name, request.fact, TOKEN_ATTRIBUTION_STEPS, request.old, store)
        attribution = reading.stored_answer(asked, TokenAttribution, request.fact)
    return Traced(request=request, traces=traces, attribution=attribution)


def many_edits(identity: ModelIdentity, request: ManyEditsRequest, store: Store) -> tuple[ManyEdits, Stored]:
    """The checkpoints that are stored so far."""
    return reading.finished_many_edits(
        identity,
        request.facts_name,
        request.facts,
        request.layers,
        request.editor,
        request.settings,
        request.how,
        store,
    )


def test_candidates(test: ProxySet, proxy: Sequence[Fact]) -> tuple[Fact, ...]:
    """Facts with a new answer about none of the subjects that the proxy's facts are about, in order."""
    return editable(apart_from(test.candidates, proxy))
