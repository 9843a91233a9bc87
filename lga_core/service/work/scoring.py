"""Known facts, layer scores and causal traces: each finished row is in the store at once."""

from collections.abc import Sequence
from contextlib import nullcontext

from lga_core.data.facts import Fact, FactSet
from lga_core.data.load import Table, read_table
from lga_core.data.sources.dataset_id import parse_dataset_id
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Phase, Progress, Reporter
from lga_core.results import Stored
from lga_core.runs import tasks
from lga_core.runs.experiments import average_traces
from lga_core.runs.reading import stored_known_facts
from lga_core.runs.storage.store import Store
from lga_core.scores.settings import TOKEN_ATTRIBUTION_STEPS
from lga_core.service.requests import (
    ATTRIBUTION,
    AverageTraceRequest,
    KnownFactsRequest,
    Need,
    ProxySet,
    ReadFactsRequest,
    ScoreRequest,
    TraceRequest,
)
from lga_core.service.work.desk import Control, Desk


def read_facts(desk: Desk, request: ReadFactsRequest, control: Control) -> tuple[Table, FactSet]:
    """The records as they were read, and the facts in them."""
    control.report(Progress(phase=Phase.READ_TEXT, done=0, total=1, detail=request.source))
    dataset = parse_dataset_id(request.source)
    downloaded = dataset is not None and dataset.folder is None
    with control.without_turn() if downloaded else nullcontext():
        table = read_table(request.source)
    return table, table.facts()


def check_known_facts(desk: Desk, request: KnownFactsRequest, control: Control) -> tuple[int, int]:
    """How many facts were asked about, and how many of them the store had already."""
    model = desk.model(request.model, control)
    store = Store(origin=request.origin)
    kept = stored_known_facts(model.identity, request.facts, store)
    tasks.known_fact_checks(model, request.facts, store, report=control.report)
    return len(request.facts), len(kept)


def score(desk: Desk, request: ScoreRequest, control: Control) -> dict[Need, Stored]:
    """One measurement after the other; where the rows of each are from."""
    model = desk.model(request.model, control)
    store = Store(origin=request.origin)
    facts = facts_of(model, request.proxy, store, control.report)
    answered = {}
    for need in request.needs:
        _, answered[need] = tasks.measure(
            model, request.proxy.name, facts, need.measurement, need.settings, store, report=control.report
        )
    return answered


def trace(desk: Desk, request: TraceRequest, control: Control) -> dict[str, Stored]:
    """One kind after the other, then the token attributions; where each answer is from."""
    model = desk.model(request.model, control)
    store = Store(origin=request.origin)
    name = request.proxy.name
    facts = facts_of(model, request.proxy, store, control.report)
    answered: dict[str, Stored] = {}
    for kind in request.kinds:
        _, answered[kind] = tasks.trace_fact(
            model, name, request.fact, kind, request.settings, facts, store, report=control.report
        )
    _, answered[ATTRIBUTION] = tasks.attribute_fact(
        model, name, request.fact, TOKEN_ATTRIBUTION_STEPS, request.old, store, report=control.report
    )
    return answered


def average_trace(desk: Desk, request: AverageTraceRequest, control: Control) -> dict[str, tuple[Stored, ...]]:
    """One kind after the other, fact by fact; where each trace is from."""
    model = desk.model(request.model, control)
    store = Store(origin=request.origin)
    name = request.proxy.name
    facts = facts_of(model, request.proxy, store, control.report)
    answered: dict[str, tuple[Stored, ...]] = {}
    for kind in request.kinds:
        _, answered[kind] = average_traces.average_trace(
            model, name, facts[: request.facts], kind, request.settings, facts, store, report=control.report
        )
    return answered


def facts_of(model: LoadedModel, proxy: ProxySet, store: Store, report: Reporter) -> Sequence[Fact]:
    """The facts that the proxy set names. Raises LgaError where the model knows none of them."""
    facts = proxy.facts
    if facts is None:
        facts = tasks.choose_known(model, proxy.candidates, proxy.limit, store, report=report)
    if not facts:
        raise LgaError(
            f"The model knows none of the facts of {proxy.name}.",
            hint="Switch off “Known facts only”, or choose another set.",
        )
    return facts
