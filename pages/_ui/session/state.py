"""What one browser tab remembers, in one typed place, and the keys of the widgets that several files touch."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.data.load import Table
from lga_core.data.sources.mapping import ColumnMapping
from lga_core.errors import LgaError
from lga_core.results import EditReport, Stored, TrialPart, TrialStage
from lga_core.service.ledger_requests import LedgerRequest
from lga_core.service.ledger_view import LedgerView
from lga_core.service.page_parts import links
from lga_core.service.process.jobs import Job
from lga_core.service.requests import Request, TrialRequest

if TYPE_CHECKING:
    from lga_core.service.reading.sweep import SweepReader  # with all that judges a sweep, for one page only

MODEL = "model"
OTHER_MODEL = "other_model"
CHAT = "chat"
FACTS = "facts"
FACT = links.FACT  # as the address names the chosen record
LIMIT = "n"
SEED = "seed"
KNOWN_ONLY = "known"
LAYERS = links.LAYERS  # the chosen layers, shared by all pages
EDITOR = "editor"  # the editor of the trial page, for which the answer and the sweep are
ANSWER_FOR = "answer_for"  # as the address names it on pages that do not show the choice
RUN = links.RUN  # as the address names the stored run that is shown
QUESTION_WIDGETS = (MODEL, OTHER_MODEL, CHAT, FACTS, LIMIT, SEED, KNOWN_ONLY)  # the sidebar's, all in the address
EDITS_VIEW = "edits_view"  # what the Edits page shows below the ledger
MANY = "many"  # one of its views, the job of that view, and how the keys of its settings begin
MANY_EDITS = "many_edits"  # how many are made there
SCORE = "score"  # the part of the app whose jobs score the layers
TABS_KEPT = 64
TRIALS_KEPT = 64  # in one tab, each with its report
_tabs_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the sidebar asks: a model and a proxy set. Hashable, so that equal questions share their answers."""

    model: str  # as the user named it; with ":chat" where it is asked through its chat template
    facts: str  # name of the fact set
    fingerprint: str  # of the whole set, so that another file of that name is another question
    limit: int
    seed: int
    known_only: bool


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One trial edit of this tab, as far as it is measured."""

    request: TrialRequest
    report: EditReport
    stored: Stored | None  # None: not whole yet
    missing: tuple[TrialPart, ...] = ()

    @property
    def fact(self) -> Fact:
        return self.request.fact


@dataclass(kw_only=True)
class Incoming:
    """A source that was read and waits to be taken as a fact set."""

    origin: Literal["upload", "source"]
    table: Table
    fact_set: FactSet | None  # None where the mapping does not fit
    mapping: ColumnMapping | None = None  # None: the columns speak for themselves
    sampled: bool = False  # `fact_set` holds the first records only, for the form to answer at once


@dataclass(kw_only=True)
class TableEdits:
    """A fact set as the editable table has it. The widget forgets its edits when it is not drawn; this does not."""

    rows: list[dict[str, Any]]  # what the widget began with when it was drawn anew
    edited: list[dict[str, Any]]  # what it says now
    version: int = 0  # another one is another widget: how edits are thrown away


@dataclass
class Kept:
    """What outlives a reload of the tab. Mutable on purpose: it lives as long as the server remembers the tab."""

    id: str = field(default_factory=lambda: uuid4().hex)  # names this tab's ledgers in the engine
    asked: Question | None = None  # what was scored last
    golden: tuple[str, int] | None = None  # model, its golden layer as the page shows it
    proposed: tuple[str, int] | None = None  # model, the layer that the page recommends to edit at
    sets: dict[str, FactSet] = field(default_factory=dict)  # uploaded and typed facts, by name
    removed: FactSet | None = None  # the one that was taken off that list last
    jobs: dict[str, Job] = field(default_factory=dict)  # the last job of each part of the app, in order of their start
    shown: dict[type[Request], Request] = field(default_factory=dict)  # what its pages asked of the store last
    trials: list[Job] = field(default_factory=list)  # every trial edit that was started
    ledgers: dict[str, LedgerView] = field(default_factory=dict)  # kept edits, by the model's name
    ledger_jobs: int = 0  # started so far
    widgets: dict[str, Any] = field(default_factory=dict)  # what those said that the address does not hold
    fact: int | None = None  # the chosen record, likewise
    run: str | None = None  # the stored run that a page showed last
    scores: str | None = None  # the stored run that was opened as the answer to what is asked
    guide_off: bool | None = None  # the guided path was dismissed, or called back; None: as the browser remembers it
    play_words: str = ""  # which edits the playground's last text was written with

    def keep_job(self, area: str, job: Job) -> None:
        """The last job of a part of the app. One that runs there for another question goes on under another name."""
        if self.jobs.get(area) is not job:
            self.put_aside(area)
        self.jobs[area] = job

    def put_aside(self, area: str) -> None:
        """What the area shows is from no job of this tab any more. One that runs goes on under another name."""
        self.jobs = {name: job for name, job in self.jobs.items() if job.alive or not name.endswith(f"_{job.number}")}
        job = self.jobs.pop(area, None)
        if job is not None and job.alive:
            self.jobs[f"{area}_{job.number}"] = job

    def add_trial(self, job: Job) -> None:
        """Make it the last trial edit. One that runs stays the last: it is shown until it ends, and then its result."""
        self.trials = sorted([*self.trials, job], key=lambda each: each.alive)[-TRIALS_KEPT:]

    def ask_store(self, question: Question | None, scores: str | None = None) -> None:
        """What is asked now is read from the store, without a job; one that runs goes on under another name.

        `question`: None where nothing is asked any more. `scores`: the key of the run that was opened for it.
        """
        self.put_aside(SCORE)
        self.asked = question
        self.forget_answer()
        self.scores = scores
        self.run = None  # until the page shows one of this question

    def forget_answer(self) -> None:
        """The scores are to change: until Golden layers shows them, other pages read the store."""
        self.golden = self.proposed = None

    def take_over(self, other: "Kept") -> None:
        """Take what was asked before the browser had said that this is its tab. Changes of its ledger are not there."""
        for area, job in other.jobs.items():
            if not isinstance(job.request, LedgerRequest):
                job.asker = self.id
                self.keep_job(area, job)
        for name, facts in other.sets.items():
            before = self.sets.get(name)
            if before is not None and before.facts != facts.facts:
                self.sets[f"{name} (before)"] = replace(before, name=f"{name} (before)")
            self.sets[name] = facts
        for job in other.trials:
            self.add_trial(job)
        self.shown = other.shown | self.shown
        self.play_words = other.play_words or self.play_words
        if other.asked is not None:
            self.asked, self.run, self.scores = other.asked, other.run, other.scores
            self.golden, self.proposed = other.golden, other.proposed
            if SCORE not in other.jobs:  # a stored run was opened: this tab's own job is of another question
                self.put_aside(SCORE)


@dataclass
class Session:
    """Lives as long as the browser's connection. Mutable on purpose."""

    kept: Kept = field(default_factory=Kept)
    address: dict[str, str] = field(default_factory=dict)  # the query of the address that was opened
    reloaded: bool = False  # what the tab kept was found, and its widgets are not set yet
    recognized: bool = False  # the browser has said which tab this is, and what else it keeps
    opened_first: bool = False  # it was looked for what a new tab opens with
    looks_up: bool = False  # the address asks a question and names no run: its answer may be in the store
    linked: bool = False  # what the opened address holds beside its bound widgets was taken
    reopening: tuple[str, ...] = ()  # stored runs to open before the next widgets are drawn, by the start of their keys
    go_to: str | None = None  # the page to show first
    notices: list[str] = field(default_factory=list)  # what opening them, or a click, had to say
    said: list[str] = field(default_factory=list)  # the notices that stand on the page
    shown_run: str | None = None  # the stored run that the page shows, for the address; "": work that no run holds
    also_shown: set[str] = field(default_factory=set)  # other stored runs of which it shows something
    options_shown: bool = False  # the page has the widgets of the scores' options, which the address then names
    compute: Callable[[], None] | None = None  # measures here what the page shows; None: the scores
    clicked: set[int] = field(default_factory=set)  # layers, on charts, since the whole page ran last
    question: Question | None = None  # what the sidebar asks now; None while it names no model
    to_score: bool = False  # a button was clicked that scores what the sidebar asks
    pressed: str | None = None  # the key of a button whose work begins when the page comes to it
    put: dict[str, Any] = field(default_factory=dict)  # values for widgets, by their keys, until they are drawn
    fact: int | None = None  # the record chosen on the trace and trial pages
    wanted_fact: int | None = None  # the record to choose when the choice is drawn next
    first_fact: int | None = None  # the record that stood there before anyone chose one
    prefilled: tuple[Question, int] | None = None  # the layer that was already proposed to edit at
    proposed_prompt: str | None = None  # what the playground has already put into its empty field
    facts: str | None = None  # the set that the sidebar shows
    incoming: Incoming | None = None  # read, and waiting to be taken
    upload_error: LgaError | None = None
    unwatched: bool = False  # a job began in the dialog, which the sidebar does not know of yet
    form_errors: dict[str, LgaError] = field(default_factory=dict)  # of facts typed in, by the form
    asked_fact: Fact | None = None  # the typed fact whose old answer the model is asked for
    adding: bool = False  # the dialog for new facts is open
    editing: dict[str, TableEdits] = field(default_factory=dict)  # tables with edits, by their set's mark
    failed_files: dict[tuple[str, str], LgaError] = field(default_factory=dict)  # downloads, by their label and name
    redraw_when: list[Callable[[], bool]] = field(default_factory=list)  # what the page that ran last waits for
    estimates: dict[Any, Job] = field(default_factory=dict)  # what work takes, by the request that asked
    estimated_after: frozenset[int] = frozenset()  # the jobs of this tab that had ended by then
    sweep: "tuple[Any, SweepReader] | None" = None  # what the sweep page reads, and its reader


def session() -> Session:
    """This session's memory, new on the first call."""
    if "lga" not in st.session_state:
        st.session_state["lga"] = Session(address=st.query_params.to_dict())
    return st.session_state["lga"]


def kept() -> Kept:
    """What this tab keeps over a reload."""
    return session().kept


@contextmanager
def cleared_when_done(note: str, empty: Any) -> Iterator[None]:
    """Clear what the session has noted for a run of the page, once it is done or has failed.

    Not where Streamlit stops this run in between: then the next run does it. Its signals are no `Exception`.
    """
    here = session()
    try:
        yield
    except Exception:
        setattr(here, note, empty)  # or every run would fail of it again
        raise
    setattr(here, note, empty)


@st.cache_resource(show_spinner=False)
def tabs() -> OrderedDict[str, Kept]:
    """What the tabs of this server keep, by the tab's own name, which the browser keeps."""
    return OrderedDict()


def adopt(tab: str) -> bool:
    """Take back what this tab kept before a reload; whether there was something that this session did not have."""
    known = tabs()
    here = session()
    with _tabs_lock:  # sessions are threads
        earlier = known.setdefault(tab, here.kept)
        known.move_to_end(tab)
        while len(known) > TABS_KEPT:
            known.popitem(last=False)
    if earlier is here.kept:
        return False
    earlier.take_over(here.kept)
    here.kept = earlier
    here.reloaded = True
    return True


def select_fact(record: int) -> None:
    """Make it the chosen fact, on pages that draw the choice and on those that do not."""
    here = session()
    here.fact = here.wanted_fact = record


def put(values: Mapping[str, Any]) -> None:
    """Give these values to widgets when the page is drawn next, whether they are drawn already or not."""
    session().put.update(values)


def put_widgets() -> None:
    """Before the first widget is drawn: what was put into widgets, again until a page is drawn to its end."""
    st.session_state.update(session().put)


def keep_widgets() -> None:
    """Remember what the sidebar asks and which layers are chosen, for a reload of the tab."""
    kept().widgets = {key: widget(key) for key in (*QUESTION_WIDGETS, LAYERS, EDITOR) if widget(key) is not None}


def restore_widgets() -> None:
    """After a reload, before the first widget is drawn.

    An address that asks something goes before what the tab remembers: what it leaves out has the default value. So does
    what was chosen before the browser had said which tab this is: it stands in the address of now. A bare address asks
    what the tab asked.
    """
    here = session()
    if not here.reloaded:
        return
    here.reloaded = False
    widgets = dict(here.kept.widgets)
    asked = {**here.address, **st.query_params.to_dict()}
    if RUN in here.address or asked.keys() & set(QUESTION_WIDGETS):
        # Bound widgets take the address themselves, but for an uploaded set, which is known only now. The words "a
        # folder" without its path mean the tab's own.
        widgets = {key: widgets[key] for key in (OTHER_MODEL, FACTS, LAYERS, EDITOR) if key in widgets}
        if asked.get(FACTS) != widgets.get(FACTS):
            widgets.pop(FACTS, None)
        if OTHER_MODEL in asked:
            widgets.pop(OTHER_MODEL, None)
    if here.address or st.session_state.get(LAYERS, []) not in ([], [here.prefilled and here.prefilled[1]]):
        widgets.pop(LAYERS, None)
    if asked.keys() & {EDITOR, ANSWER_FOR}:
        widgets.pop(EDITOR, None)
    st.session_state.update(widgets)
    bare = not here.address and here.fact in (None, here.first_fact)
    if bare and here.kept.fact is not None:
        select_fact(here.kept.fact)


def finished_trials(model: str | None = None) -> list[Trial]:
    """The trial edits of this tab that have a result, the oldest first, each once; `model`: those on that one."""
    by_run: dict[str, Trial] = {}
    for job in kept().trials:
        if job.result is not None and model in (None, job.request.model):
            report, stored = job.result
            by_run.pop(stored.provenance.key, None)  # asked or opened again, it is the last one
            by_run[stored.provenance.key] = Trial(request=job.request, report=report, stored=stored)
    return list(by_run.values())


def last_trial(model: str) -> Job | None:
    """The trial edit on this model that this tab started or opened last, whether it has a result or not."""
    return next((job for job in reversed(kept().trials) if job.request.model == model), None)


def begun_trial(model: str) -> Trial | None:
    """The last trial edit on this model, where only some of its stages are there."""
    job = last_trial(model)
    if job is None or job.result is not None or not isinstance(job.published, TrialStage):
        return None
    return Trial(request=job.request, report=job.published.report, stored=None, missing=job.published.missing)


def widget(key: str, default: Any = None) -> Any:
    """The value of a widget elsewhere on the page."""
    return st.session_state.get(key, default)
