"""What one browser session remembers, in one typed place, and the keys of the widgets that several files touch."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.data.load import Table
from lga_core.data.mapping import ColumnMapping
from lga_core.errors import LgaError
from lga_core.results import EditReport, Stored
from lga_core.runs.jobs import Job

if TYPE_CHECKING:
    from pages._ui.book import Book  # with torch, which the first screen does not need
    from pages._ui.playing import Playing

MODEL = "model"
OTHER_MODEL = "other_model"
FACTS = "facts"
LIMIT = "n"
SEED = "seed"
KNOWN_ONLY = "known"
LAYERS = "layers"                            # the chosen layers, shared by all pages


@dataclass(frozen=True, kw_only=True)
class Question:
    """What the sidebar asks: a model and a proxy set. Hashable, so that equal questions share their answers."""

    model: str                               # as the user named it
    facts: str                               # name of the fact set
    fingerprint: str                         # of the whole set, so that another file of that name is another question
    limit: int
    seed: int
    known_only: bool


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One finished trial edit of this session."""

    question: Question
    fact: Fact
    settings: Any                            # the editor's own
    report: EditReport
    stored: Stored


@dataclass(kw_only=True)
class Incoming:
    """A source that was read and waits to be taken as a fact set."""

    origin: Literal["upload", "source"]
    table: Table
    found: FactSet | None                    # None where the mapping does not fit
    mapping: ColumnMapping | None = None     # None: the columns speak for themselves
    sampled: bool = False                    # `found` holds the first records only, for the form to answer at once


@dataclass(kw_only=True)
class Editing:
    """A fact set as the editable table has it. The widget forgets its edits when it is not drawn; this does not."""

    rows: list[dict[str, Any]]               # what the widget began with when it was drawn anew
    edited: list[dict[str, Any]]             # what it says now
    version: int = 0                         # another one is another widget: how edits are thrown away


@dataclass
class Session:
    """Mutable on purpose: it lives as long as the browser tab."""

    framed: bool = False                     # the page runs inside app.py
    question: Question | None = None         # what the sidebar asks now; None while it names no model
    asked: Question | None = None            # what was scored last
    golden: tuple[str, int] | None = None    # model, its golden layer as the page shows it
    fact: int | None = None                  # the record chosen on the trace and trial pages
    prefilled: tuple[str, int] | None = None # the golden layer that the trial page has already proposed
    sets: dict[str, FactSet] = field(default_factory=dict)      # uploaded and typed facts, by name
    fingerprints: dict[str, tuple[FactSet, str]] = field(default_factory=dict)
    facts: str | None = None                 # the set that the sidebar shows
    incoming: Incoming | None = None         # read, and waiting to be taken
    upload_error: LgaError | None = None
    unwatched: bool = False                  # a job began in the dialog, which the sidebar does not know of yet
    form_error: LgaError | None = None
    adding: bool = False                     # the dialog for new facts is open
    editing: dict[str, Editing] = field(default_factory=dict)   # tables with edits, by their set's mark
    jobs: dict[str, Job] = field(default_factory=dict)          # the last job of each page, by what it is about
    labels: dict[str, str] = field(default_factory=dict)        # the phase of each job that the page has shown
    trying: tuple[Question, Fact, Any] | None = None            # the trial whose result is awaited, with its settings
    trials: list[Trial] = field(default_factory=list)
    books: dict[str, "Book"] = field(default_factory=dict)      # kept edits, by the model's name
    playing: "Playing | None" = None         # what the playground shows


def session() -> Session:
    """This session's memory, new on the first call."""
    if "lga" not in st.session_state:
        st.session_state["lga"] = Session()
    return st.session_state["lga"]


def widget(key: str, default: Any = None) -> Any:
    """The value of a widget elsewhere on the page."""
    return st.session_state.get(key, default)
