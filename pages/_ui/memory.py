"""What a model and what is done with it take of the memory, against what is free: said before it starts."""

import importlib
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from lga_core.errors import LgaError
from lga_core.models.catalogue import ModelEntry
from lga_core.results import MemoryEstimate
from lga_core.view.words import memory_sentence
from pages._ui.state import Question

if TYPE_CHECKING:
    from lga_core.models.loaded import LoadedModel

ENGINE = "lga_core.evaluation.memory_need"
SECONDS_FIRST = 1.5                          # for the first screen
POLL_SECONDS = 1.0


@st.cache_resource(show_spinner=False)
def engine() -> threading.Thread:
    """Imports torch, which takes seconds and which alone knows the accelerators, while the first screen is read."""
    thread = threading.Timer(0 if ENGINE in sys.modules else SECONDS_FIRST, importlib.import_module, (ENGINE,))
    thread.daemon = True
    thread.start()
    return thread


def loading_note(entry: ModelEntry) -> None:
    """What loading a model takes; appears by itself a few seconds after a server's first screen."""
    importing = engine()
    if ENGINE in sys.modules:
        importing.join(POLL_SECONDS)
    waiting = importing.is_alive()

    @st.fragment(run_every=POLL_SECONDS if waiting else None, key="memory_poll")
    def note() -> None:
        if importing.is_alive():
            return
        if waiting:
            st.rerun()                       # without the clock
        from lga_core.evaluation.memory_need import loading_need

        _say("To load", lambda: loading_need(entry))

    note()


def scoring_note(model: "LoadedModel", question: Question, measurements: Sequence[str]) -> None:
    """What LGA, the trace and the survey before them take."""
    from lga_core.evaluation.memory_need import scoring_need

    if _idle(model):
        _say("To score", lambda: scoring_need(model, measurements, question.limit))


def editing_note(model: "LoadedModel", layers: Sequence[int], settings: Any, facts: int | None) -> None:
    """What an edit of so many facts at once takes, with the questions before and after it."""
    from lga_core.evaluation.memory_need import editing_need

    if _idle(model):
        _say("To edit", lambda: editing_need(model, layers, settings, facts))


def _say(what: str, estimate: Callable[[], MemoryEstimate | None]) -> None:
    """One muted line. Where there can be no estimate, the step itself says why it cannot run."""
    try:
        need = estimate()
    except LgaError:
        return
    if need is not None:
        st.caption(f"{what}: {memory_sentence(need)}.")


def _idle(model: "LoadedModel") -> bool:
    """What a token takes is tried on the model; a page waits for no job that has it."""
    if not model.lock.acquire(blocking=False):
        return False
    model.lock.release()
    return True
