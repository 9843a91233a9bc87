"""What one browser session remembers, in one typed place, and the keys of the widgets that several files touch."""

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.errors import LgaError
from lga_core.results import EditReport, Stored
from lga_core.runs.jobs import Job

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
    label: str
    report: EditReport
    stored: Stored


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
    upload: FactSet | None = None            # read, and waiting to be taken
    upload_error: LgaError | None = None
    form_error: LgaError | None = None
    adding: bool = False                     # the dialog for new facts is open
    jobs: dict[str, Job] = field(default_factory=dict)          # the last job of each page, by what it is about
    labels: dict[str, str] = field(default_factory=dict)        # the phase of each job that the page has shown
    trying: tuple[Question, str] | None = None                  # the trial whose result is awaited, with its label
    trials: list[Trial] = field(default_factory=list)


def session() -> Session:
    """This session's memory, new on the first call."""
    if "lga" not in st.session_state:
        st.session_state["lga"] = Session()
    return st.session_state["lga"]


def widget(key: str, default: Any = None) -> Any:
    """The value of a widget elsewhere on the page."""
    return st.session_state.get(key, default)
