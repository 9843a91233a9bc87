"""The report of the scored question: one HTML file of what all pages show of it, made when it is asked for."""

from collections.abc import Iterable
from typing import TypeVar

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.editing.table import EDITORS
from lga_core.results import ModelIdentity
from lga_core.runs.storage.store import Store
from lga_core.scores.settings import CmaSettings
from lga_core.service.reading import every_layer
from lga_core.service.reading.report import ReportRequest
from lga_core.service.requests import (
    AverageTraceRequest,
    EveryLayerRequest,
    ManyEditsRequest,
    ProxySet,
    SweepRequest,
    TraceRequest,
    TrialRequest,
)
from pages._ui.edits.ledger_jobs import current_ledger
from pages._ui.facts.sets import fact_set, file_name, scored_proxy
from pages._ui.scoring import options, trace
from pages._ui.scoring.answer import chosen_editor
from pages._ui.session.state import Question, finished_trials, kept, session
from pages._ui.shell.elements import download
from pages._ui.shell.engine import store
from pages._ui.shell.text import safe

R = TypeVar("R", TraceRequest, AverageTraceRequest, EveryLayerRequest, SweepRequest)


def button(question: Question, model: ModelIdentity) -> None:
    """Nothing of the report is read before it is pressed."""
    asked = request_of(question, model)
    runs = store()
    replaced = fact_set(question.facts).fingerprint != question.fingerprint
    with st.container(horizontal=True, vertical_alignment="center"):
        download(
            "Report",
            lambda: _written(asked, model, runs),
            file_name(f"golden layers {model.name} {question.facts}.", ".html"),
            "text/html",
            key="report",
            disabled=replaced,
            help="One HTML file of what every page shows for this question, with figures, settings, versions and how "
            "to cite. It opens without a network, and takes some seconds to write.",
        )
        if replaced:
            st.caption(f"{safe(question.facts)} has other facts now than these. Score layers for a report of them.")


def _written(asked: ReportRequest, model: ModelIdentity, runs: Store) -> str:
    from lga_core.service.reading.report import question_report  # with all figures, which the page does not need
    from lga_core.view.export.report_html import report_html

    return report_html(question_report(asked, model, runs))


def request_of(question: Question, model: ModelIdentity) -> ReportRequest:
    """What the pages showed last of this question; with the default settings where a page was not opened for it."""
    proxy = scored_proxy(question)
    choices = options.choices(question.seed)
    editor = chosen_editor()
    settings = EDITORS[editor].settings()
    facts = fact_set(question.facts)
    record = session().fact
    fact = (facts.by_record(record) if record is not None else None) or proxy.candidates[0]
    shared = {"model": question.model, "proxy": proxy}
    traced = TraceRequest(
        **shared, fact=fact, kinds=tuple(trace.KINDS), settings=CmaSettings(seed=question.seed), old="data"
    )
    averaged = AverageTraceRequest(
        **shared, facts=min(proxy.limit, len(proxy.candidates)), kinds=traced.kinds, settings=traced.settings
    )
    at_every = EveryLayerRequest(
        **shared, fact=fact, editor=editor, settings=settings, needs=every_layer.needs(choices, settings)
    )
    layers = tuple(range(model.layers))
    many = kept().shown.get(ManyEditsRequest)
    if not isinstance(many, ManyEditsRequest) or not _is_of(many, many.facts, question.model, facts):
        many = None
    swept = SweepRequest(**shared, test=None, layers=layers, editor=editor, settings=settings)
    return ReportRequest(
        model=question.model,
        proxy=proxy,
        choices=choices,
        editor=editor,
        traces=(_shown(traced, proxy),),
        average=_shown(averaged, proxy),
        trials=tuple(
            (trial.report, trial.stored)
            for trial in finished_trials()
            if trial.stored is not None and _is_of(trial.request, [trial.request.fact], question.model, facts)
        ),
        every_layer=_shown(at_every, proxy),
        sweep=_shown(swept, proxy),
        ledger=current_ledger(question.model),
        many_edits=many,
    )


def _is_of(request: TrialRequest | ManyEditsRequest, edited: Iterable[Fact], model: str, facts: FactSet) -> bool:
    """Whether the edits are of this model and set: another file of its name has other facts."""
    return (request.model, request.facts_name) == (model, facts.name) and set(edited) <= set(facts.facts)


def _shown(default: R, proxy: ProxySet) -> R:
    """What the page of it asked last, where that was of this question."""
    last = kept().shown.get(type(default))
    if isinstance(last, type(default)) and (last.model, last.proxy) == (default.model, proxy):
        return last
    return default
