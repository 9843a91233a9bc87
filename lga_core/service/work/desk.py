"""What the engine has at hand: the one model in memory, and the sessions' ledgers."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch

from lga_core.models.loaded import LoadedModel, machine_words
from lga_core.models.loading import load, pick_device, pick_dtype
from lga_core.models.sources.catalogue import local_folder, resolve
from lga_core.models.sources.fingerprint import folder_fingerprint
from lga_core.models.text.chat import is_chat, plain_name
from lga_core.progress import Progress
from lga_core.service.process.messages import Machine
from lga_core.service.work.session_ledger import SessionLedger, remove_old_sessions


class Control(Protocol):
    """A job's line to the page that asked."""

    def report(self, progress: Progress) -> None:
        """The reporter of this job."""

    def publish(self, value: Any) -> None:
        """Show something before the job's end."""

    def holding(self) -> AbstractContextManager[None]:
        """Let no other job compute meanwhile."""


class Desk:
    """Only the job whose turn it is touches it."""

    def __init__(self, on_model: Callable[[str | None], None] = lambda name: None) -> None:
        self._on_model = on_model  # called with the name of the model that is in memory now
        self._model: LoadedModel | None = None
        self._ledgers: dict[tuple[str, str], SessionLedger] = {}
        remove_old_sessions()

    def model(self, name: str, control: Control) -> LoadedModel:
        """The model of that name: the one in memory, or loaded (and fetched) now. Raises LgaError as `load` does.

        Asked through its chat template it is the same one in memory.
        """
        model = self.peek(name)
        if model is None:
            plain = plain_name(name)
            self._model = None  # its memory must be free before the next one comes
            self._on_model(None)
            with control.holding():
                self._model = load(plain, report=control.report)
            self._on_model(plain)
            model = self._model.chatting if is_chat(name) else self._model
        return model

    def peek(self, name: str) -> LoadedModel | None:
        """The model if it is in memory and its files have not changed since."""
        model = self._model
        if model is None or model.name != plain_name(name):
            return None
        folder = local_folder(resolve(name))
        try:
            if folder is None or folder_fingerprint(folder) != model.fingerprint:
                return None
        except (OSError, ValueError):  # the folder was removed or is half written: loading says so
            return None
        return model.chatting if is_chat(name) else model

    def ledger(self, session: str, model: LoadedModel) -> SessionLedger:
        """A session's ledger of this model; after a restart of the engine, as it was saved."""
        place = session, model.name
        if place not in self._ledgers:
            self._ledgers[place] = SessionLedger.restored(session, model)
        return self._ledgers[place]


def machine() -> Machine:
    """What models run on here; sets the number of threads."""
    threads = int(os.environ.get("LGA_THREADS") or 0)
    if threads > 0:
        torch.set_num_threads(threads)
    device = pick_device("auto")
    dtype = pick_dtype("auto", device)
    return Machine(device=machine_words(device, dtype), dtype=str(dtype), threads=torch.get_num_threads())
