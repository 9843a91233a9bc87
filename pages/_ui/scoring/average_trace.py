"""The traces of many facts averaged: how many facts, one button, and a heatmap of six kinds of token for each kind."""

from functools import partial

import streamlit as st

from lga_core.results import AverageTrace, Kind
from lga_core.scores.settings import CmaSettings
from lga_core.service.reading import average_traces as reading
from lga_core.service.reading.average_traces import AverageTraces
from lga_core.service.requests import AverageTraceRequest
from lga_core.view.export.frames.scores import average_cells
from lga_core.view.export.frames.table import to_csv
from lga_core.view.figures.scores.average_trace_heatmap import average_trace_heatmap
from lga_core.view.words.scores.average_trace import average_sentence, averaged_facts_sentence
from lga_core.view.words.sentences import cost_sentence
from lga_core.view.words.text import count
from pages._ui.facts.sets import proxy_set
from pages._ui.scoring.trace import KINDS
from pages._ui.session.state import Question, kept, widget
from pages._ui.shell import jobs
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import download, number_field, waiting
from pages._ui.shell.engine import engine, identity, store
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.layer_choice import chosen_layers
from pages._ui.shell.live import live_with
from pages._ui.shell.text import safe

AREA = "average trace"
DEFAULT_FACTS = 16  # with half of them known, enough for an average that is not called one of few facts


def section(question: Question, kinds: tuple[Kind, ...], settings: CmaSettings, golden: int | None) -> bool:
    """Closed at first: the store is read when it is opened. Whether there is an average to choose a layer on."""
    opened = st.expander("Average over facts", icon=":material/stacks:", key="average_open", on_change="rerun")
    if not opened.open:
        return False
    with opened:
        return _section(question, kinds, settings, golden)


def _section(question: Question, kinds: tuple[Kind, ...], settings: CmaSettings, golden: int | None) -> bool:
    proxy = proxy_set(question)
    most = min(proxy.limit, len(proxy.candidates))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        number_of = number_field(
            "Facts",
            1,
            most,
            min(DEFAULT_FACTS, most),
            f"average_facts_{most}",
            width=140,
            help="The first ones of the proxy set. Those that the model does not know are not traced.",
        )
        request = AverageTraceRequest(
            model=question.model, proxy=proxy, facts=int(number_of), kinds=kinds, settings=settings
        )
        kept().shown[AverageTraceRequest] = request
        measured = _read(request)
        jobs.start_button(
            "Trace these facts",
            "stacks",
            AREA,
            request,
            f"Tracing {count(request.facts, 'fact')}",
            disabled=not kinds or (measured is not None and measured.complete),
            key="average_trace",
            help="One after the other, each as on this page: a fact that is traced already is not traced again.",
        )
    running = engine().find(request)
    job_outcome(jobs.last_job_of(AREA, request), "The traced facts are kept; the button goes on with the rest.")

    def draw() -> None:
        _results(measured if running is None else _read(request), golden, running=running is not None)

    live_with("average_trace_live", draw, running)
    return measured is not None and bool(measured.averages)


def _read(request: AverageTraceRequest) -> AverageTraces | None:
    """Nothing where nothing can be stored of this model yet."""
    model = identity(request.model)
    return None if model is None else reading.read(model, request, store())


def _results(measured: AverageTraces | None, golden: int | None, *, running: bool) -> None:
    """How far it is, then a heatmap a kind."""
    if measured is None or not measured.averages:
        if running:
            waiting("The average appears here when the first fact is traced, and grows with each one.")
        elif measured is not None and measured.unchecked == 0 and measured.usable == 0:
            st.caption("The model knows none of these facts: there is nothing to trace.")
        else:
            st.caption(
                "Many facts’ traces, averaged at the first, middle and last subject tokens, the first one after them, "
                "further ones and the last, as in ROME. Each fact takes as long as one trace."
            )
        return
    averages = measured.averages.values()
    for average in averages:
        _heatmap(measured, average, golden)
    words = averaged_facts_sentence(next(iter(averages)))
    costs = " · ".join(cost_sentence(KINDS[average.kind], average.cost) for average in averages)
    st.caption(safe(f"{words} {costs}".strip()))
    with st.container(horizontal=True):
        for average in averages:
            name = f"average_trace_{average.kind}.csv"
            download(
                f"{KINDS[average.kind]}, CSV", lambda average=average: to_csv(average_cells(average)), name, "text/csv"
            )


def _heatmap(measured: AverageTraces, average: AverageTrace, golden: int | None) -> None:
    """One kind's heatmap; a click chooses the layer."""
    figure = partial(
        average_trace_heatmap,
        average,
        scale=widget("trace_scale") or "linear",
        golden=golden,
        chosen=chosen_layers(average.layers),
        theme_name=theme_name(),
    )
    said = average_sentence(average)
    traced = len(measured.runs[average.kind])
    if measured.unchecked or traced < measured.usable:
        left = f", {measured.unchecked} not checked yet" if measured.unchecked else ""
        said = f"Partial, {traced} of {count(measured.usable, 'usable fact')}{left}. {said}"
    st.markdown(safe(said))
    chart(
        figure,
        f"average_{average.kind}",
        f"Heatmap of six token positions by {average.layers} layers. {said}",
        choosing=True,
    )
