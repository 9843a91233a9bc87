"""A sweep, one fact at every layer, and many edits: each finished cell, row and checkpoint is in the store at once."""

from collections.abc import Sequence

from lga_core.data.facts import Fact
from lga_core.data.select import editable
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.progress import Phase, counted_on
from lga_core.runs import tasks
from lga_core.runs.experiments import many_edits as many_edits_runs
from lga_core.runs.experiments import sweeps
from lga_core.runs.storage.store import Store
from lga_core.service.reading.every_layer import stored_row
from lga_core.service.reading.stored import test_candidates
from lga_core.service.requests import EveryLayerRequest, ManyEditsRequest, Need, ProxySet, SweepRequest
from lga_core.service.work.desk import Control, Desk
from lga_core.service.work.scoring import facts_of


def sweep(desk: Desk, request: SweepRequest, control: Control) -> None:
    """Measure what the store lacks of the proxy's sweep, then of the test facts'."""
    model = desk.model(request.model, control)
    store = Store(origin=request.origin)
    chosen = facts_of(model, request.proxy, store, control.report)
    proxy = editable(chosen)
    if not proxy:
        raise LgaError(f"None of the facts of {request.proxy.name} has a new answer.", hint="Choose another fact set.")
    parts: list[tuple[str, Sequence[Fact]]] = [(request.proxy.name, proxy)]
    if request.test is not None:
        parts.append((request.test.name, _test_facts(model, request.test, chosen, store, control)))
    total = sum(len(facts) for _name, facts in parts) * len(request.layers)
    before = 0
    for name, facts in parts:
        sweeps.sweep(
            model,
            name,
            facts,
            request.layers,
            request.editor,
            request.settings,
            store,
            metrics=request.metrics,
            report=counted_on(control.report, Phase.SWEEP, before, total),  # one time that is left for both parts
        )
        before += len(facts) * len(request.layers)


def _test_facts(
    model: LoadedModel, test: ProxySet, proxy: Sequence[Fact], store: Store, control: Control
) -> Sequence[Fact]:
    """The facts that the picks are judged on. Raises LgaError where none is left."""
    candidates = test_candidates(test, proxy)
    facts: Sequence[Fact] = candidates[: test.limit]
    if test.known_only:
        facts = tasks.choose_known(model, candidates, test.limit, store, report=control.report)
    if not facts:
        raise LgaError(
            f"No fact of {test.name} is left to judge on: its subjects are all in the proxy, or it has no new answers.",
            hint="Choose another test set, or fewer proxy facts.",
        )
    return facts


def every_layer(desk: Desk, request: EveryLayerRequest, control: Control) -> None:
    """Measure what the store lacks of it: the gradients, which take a second, the edits, then the other scores."""
    model = desk.model(request.model, control)
    store = Store(origin=request.origin)

    def score(need: Need) -> None:
        if stored_row(model.identity, request, need, store) is None:
            tasks.measure(
                model,
                request.proxy.name,
                [request.fact],
                need.measurement,
                need.settings,
                store,
                report=control.report,
            )

    first, *others = request.needs
    score(first)
    sweeps.sweep(
        model,
        request.proxy.name,
        [request.fact],
        range(model.layers),
        request.editor,
        request.settings,
        store,
        metrics=request.sweep_metrics,
        report=control.report,
    )
    for need in others:
        score(need)


def many_edits(desk: Desk, request: ManyEditsRequest, control: Control) -> None:
    """Edit and measure what the store lacks."""
    many_edits_runs.many_edits(
        desk.model(request.model, control),
        request.facts_name,
        request.facts,
        request.layers,
        request.editor,
        request.settings,
        request.how,
        Store(origin=request.origin),
        report=control.report,
    )
