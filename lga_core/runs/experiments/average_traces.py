"""The causal traces of a set's facts, one after the other, and their average. Each is stored as a single trace is."""

from collections.abc import Sequence

from lga_core.data.facts import Fact
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import AverageTrace, CausalTrace, Kind, Stored
from lga_core.runs.storage.store import Store
from lga_core.runs.tasks import known_fact_checks, trace_fact
from lga_core.scores.settings import TRACE_PHASES, CmaSettings
from lga_core.scores.tracing.average import average_traces, untraced


def average_trace(
    model: LoadedModel,
    facts_name: str,
    facts: Sequence[Fact],
    kind: Kind,
    settings: CmaSettings,
    noise_facts: Sequence[Fact],
    store: Store,
    *,
    report: Reporter = silent,
) -> tuple[AverageTrace, tuple[Stored, ...]]:
    """The average over those of the facts that the model knows, or that have no old answer; where each trace is from.

    The noise is scaled to the subjects of `noise_facts`, as in `trace_fact`. Stopped, it keeps the facts that are
    traced. Raises LgaError where no fact is left to average.
    """
    checks = known_fact_checks(model, facts, store, report=report)
    left_out = untraced(checks)
    untraceable = {record for records in left_out.values() for record in records}
    known = [fact for fact in facts if fact.record not in untraceable]
    traces: list[CausalTrace] = []
    origins: list[Stored] = []
    for number, fact in enumerate(known):
        within = _count_facts(report, TRACE_PHASES[kind], number, len(known))
        trace, stored = trace_fact(model, facts_name, fact, kind, settings, noise_facts, store, report=within)
        traces.append(trace)
        origins.append(stored)
        report(Progress(phase=TRACE_PHASES[kind], done=number + 1, total=len(known)))
    return average_traces(traces, left_out), tuple(origins)


def _count_facts(report: Reporter, phase: Phase, done: int, total: int) -> Reporter:
    """A reporter for one fact's trace: the count is of facts, and what is done inside of one is the detail."""

    def report_fact(step: Progress) -> None:
        if step.phase is phase:
            inside = f"state {step.done:,} of {step.total:,}"
            detail = f"{inside}, {step.detail}" if step.detail else inside
            step = Progress(phase=phase, done=done, total=total, detail=detail)
        report(step)

    return report_fact
