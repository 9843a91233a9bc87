"""The engine of this server, and the store that it writes to."""

import threading
from collections.abc import Callable
from contextlib import suppress

import streamlit as st

from lga_core.errors import LgaError
from lga_core.results import ModelIdentity
from lga_core.runs.shipped import example
from lga_core.runs.storage.bin import RunBin
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Store
from lga_core.service.process import machine
from lga_core.service.process.client import EngineClient
from lga_core.service.requests import Request

SECONDS_FIRST = 10.0  # the first view comes first, then torch is imported by the engine
FILE_SECONDS = 100.0  # the model may have to be loaded first


@st.cache_resource(show_spinner=False, on_release=lambda client: client.close())
def engine() -> EngineClient:
    """One for the whole server."""
    return EngineClient()


def file_of(request: Request, title: str) -> Callable[[], bytes]:
    """Gets a file's bytes from the engine when it is asked for: outside of the page, so without its session."""
    client = engine()

    def content() -> bytes:
        job = client.start(request, title)
        if not job.wait(FILE_SECONDS):
            raise LgaError("The engine is busy with other work.", hint="Download it again in a while.")
        if job.error is not None:
            raise job.error
        return job.result

    return content


@st.cache_resource(show_spinner=False)
def store() -> Store:
    """One for the whole server: it reads each run once, and then what was added. Before that, the recorded example."""
    return Store(recorded=example.FOLDER)


@st.cache_resource(show_spinner=False)
def runs() -> RunIndex:
    """All stored runs, one list for the whole server."""
    return RunIndex(store())


@st.cache_resource(show_spinner=False)
def recorded_runs() -> RunIndex:
    """Those of the recorded example."""
    return RunIndex(Store(example.FOLDER))


@st.cache_resource(show_spinner=False)
def recorded_example() -> example.Example | None:
    """What comes with the code; None where nothing does."""
    return example.read_example(example.FOLDER)


@st.cache_resource(show_spinner=False, on_release=lambda folder: folder.empty())
def run_bin() -> RunBin:
    """The run that was deleted last on this server. What killed servers left in their bins is gone."""
    folder = RunBin(store())
    with suppress(LgaError):  # a store that cannot be written is told when a run is deleted
        folder.clear_abandoned()
    return folder


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Timer:
    """Start the engine soon after the server's first view."""
    timer = threading.Timer(SECONDS_FIRST, engine().warm_up)
    timer.daemon = True
    timer.start()
    return timer


def identity(model: str) -> ModelIdentity | None:
    """The model as stored results know it: the recorded example's until something is measured with the one here.

    Weights that were converted with other versions have another fingerprint. None where there is neither.
    """
    here = machine.identity(model)
    example = recorded_example()
    models = example.models if example is not None else ()
    recorded = next((item.identity for item in models if item.identity.name == model), None)
    if here is None or recorded is None:
        return here or recorded
    asked = (header.provenance for header in runs().headers())
    measured = any(
        item is not None and (item.model_fingerprint, item.chat) == (here.fingerprint, here.chat) for item in asked
    )
    return here if measured else recorded
