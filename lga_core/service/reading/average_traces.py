"""What the store has of the causal traces of a set's facts, averaged as far as they are. No model and no torch."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lga_core.results import AverageTrace, Kind, ModelIdentity, Stored
from lga_core.runs.reading import finished_traces, stored_known_facts
from lga_core.runs.storage.store import Store
from lga_core.scores.tracing.average import average_traces, untraced
from lga_core.service.reading.stored import proxy_facts
from lga_core.service.requests import AverageTraceRequest


@dataclass(frozen=True, kw_only=True)
class AverageTraces:
    """The averages of a request over the traces that are stored."""

    facts: int  # asked for, of those that the set has
    unchecked: int  # of them, whom the model was not asked about yet
    usable: int  # of them, that it knows or that have no old answer
    averages: Mapping[Kind, AverageTrace]  # of the kinds with a trace that can be averaged
    runs: Mapping[Kind, tuple[Stored, ...]]  # where the trace of each usable fact that is traced is from

    @property
    def complete(self) -> bool:
        return self.unchecked == 0 and all(len(runs) == self.usable for runs in self.runs.values())


def read(identity: ModelIdentity, request: AverageTraceRequest, store: Store) -> AverageTraces | None:
    """None where it cannot be told yet which facts the set has."""
    noise_facts = proxy_facts(identity, request.proxy, store)
    if not noise_facts:
        return None
    facts = noise_facts[: request.facts]
    checks = stored_known_facts(identity, facts, store)
    left_out = untraced(checks.values())
    untraceable = {record for records in left_out.values() for record in records}
    usable = [fact for fact in facts if fact.record in checks and fact.record not in untraceable]
    stored = {
        kind: finished_traces(identity, request.proxy.name, usable, kind, request.settings, noise_facts, store)
        for kind in request.kinds
    }
    traces = {kind: [trace for trace, _run in finished] for kind, finished in stored.items()}
    return AverageTraces(
        facts=len(facts),
        unchecked=len(facts) - len(checks),
        usable=len(usable),
        averages={
            kind: average_traces(finished, left_out)
            for kind, finished in traces.items()
            if any(np.isfinite(trace.effect).all() for trace in finished)
        },
        runs={kind: tuple(run for _trace, run in finished) for kind, finished in stored.items()},
    )
