"""What the engine has at hand: the one model in memory, and the sessions' ledgers."""

import gc
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Protocol
from weakref import WeakValueDictionary

from lga_core.models.loaded import LoadedModel, machine_words
from lga_core.models.loading import load, pick_device, pick_dtype, set_threads
from lga_core.models.sources.catalogue import local_folder, resolve
from lga_core.models.sources.fetching.fetch import fetch
from lga_core.models.sources.fingerprint import folder_fingerprint
from lga_core.models.text.chat import chat_name, is_chat, plain_name
from lga_core.progress import Progress
from lga_core.service.process.messages import Machine
from lga_core.service.work.session_ledger import SessionLedger, remove_old_sessions

LEDGERS_KEPT = 16  # their edits are on the model's device, and on disk


class Control(Protocol):
    """A job's line to the page that asked."""

    def report(self, progress: Progress) -> None:
        """The reporter of this job."""

    def check(self) -> None:
        """Raise Cancelled where the job has been cancelled: what follows cannot be taken back."""

    def publish(self, value: Any) -> None:
        """Show something before the job's end."""

    def without_turn(self, *, last: bool = False) -> AbstractContextManager[None]:
        """Let other jobs compute meanwhile; `last`: and to the job's end."""

    def holding(self) -> AbstractContextManager[None]:
        """Let no other job compute meanwhile."""


class Desk:
    """Only the job whose turn it is touches it."""

    def __init__(self, on_model: Callable[[str | None], None] = lambda name: None) -> None:
        self._on_model = on_model  # called with the name of the model that is in memory now
        self._model: LoadedModel | None = None
        # By name: the models that jobs still have. None of them is loaded a second time.
        self._alive: WeakValueDictionary[str, LoadedModel] = WeakValueDictionary()
        self._ledgers: OrderedDict[tuple[str, str], SessionLedger] = OrderedDict()  # the least recently used first
        # A ledger that a job still has is never read from disk a second time: one of the two would be out of date.
        self._in_use: WeakValueDictionary[tuple[str, str], SessionLedger] = WeakValueDictionary()
        remove_old_sessions()

    def model(self, name: str, control: Control) -> LoadedModel:
        """The model of that name: the one in memory, or loaded (and fetched) now. Raises LgaError as `load` does.

        Asked through its chat template it is the same one in memory.
        """
        entry = resolve(plain_name(name))
        if local_folder(entry) is None:
            with control.without_turn():  # another job may load another model meanwhile, or this one
                fetch(entry, report=control.report)
        model = self._in_memory(name)
        return self._loaded(name, control) if model is None else self._at_hand(model, chat=is_chat(name))

    def _loaded(self, name: str, control: Control) -> LoadedModel:
        plain = plain_name(name)
        self._model = None  # its memory must be free before the next one comes, and that of its ledgers
        self._drop_ledgers_but(plain)
        gc.collect()  # on several cards each matrix's hooks and the matrix hold each other
        self._on_model(None)
        with control.holding():
            model = load(plain, report=control.report)
        return self._at_hand(model, chat=is_chat(name))

    def _at_hand(self, model: LoadedModel, *, chat: bool) -> LoadedModel:
        """Make it the model in memory; returns it as it is to be asked."""
        if self._model is not model:
            self._model = model
            self._drop_ledgers_but(model.name)
            self._on_model(model.name)
        asked = model.chatting if chat else model
        self._alive[asked.name] = asked
        return asked

    def _drop_ledgers_but(self, plain: str) -> None:
        """Let go of the ledgers of all other models: they hold edits, and are on disk."""
        for place in [place for place in self._ledgers if plain_name(place[1]) != plain]:
            del self._ledgers[place]

    def _in_memory(self, name: str) -> LoadedModel | None:
        """The model, at hand or one that a job still has, whose files have not changed since."""
        model = self._model
        if model is None or model.name != plain_name(name):
            chatting = self._alive.get(chat_name(name))
            model = self._alive.get(plain_name(name)) or (
                chatting and replace(chatting, name=plain_name(name), chat=None)
            )
        if model is None:
            return None
        entry = resolve(name)
        folder = local_folder(entry)
        try:
            if folder is None or folder_fingerprint(folder, entry.parts) != model.fingerprint:
                return None
        except (OSError, ValueError):  # the folder was removed or is half written: loading says so
            return None
        return model

    def peek(self, name: str) -> LoadedModel | None:
        """The model if it is in memory and its files have not changed since."""
        model = self._in_memory(name)
        return model.chatting if model is not None and is_chat(name) else model

    def ledger(self, session: str, model: LoadedModel) -> SessionLedger:
        """A session's ledger of this model: the one at hand, or as it was saved. Few are kept at hand."""
        place = session, model.name
        book = self._in_use.get(place)
        if book is None or book.unread is not None:  # what kept it from being read may be over
            book = SessionLedger.restored(session, model)
        book.touch()
        self._in_use[place] = book
        self._ledgers[place] = book
        self._ledgers.move_to_end(place)
        if len(self._ledgers) > LEDGERS_KEPT:
            self._ledgers.popitem(last=False)
        return book


def machine() -> Machine:
    """What models run on here; sets the number of threads. Raises LgaError where LGA_THREADS is no such number."""
    set_threads()
    device = pick_device("auto")
    dtype = pick_dtype("auto", device)
    return Machine(device=machine_words(device, dtype), dtype=str(dtype))
