"""A session's ledger in the engine: it is changed whole or not at all, and kept in memory only while it is used."""

import gc
import os
import resource
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from lga_core.editing.ledger import Ledger
from lga_core.editing.settings import FineTuningSettings
from lga_core.errors import LgaError
from lga_core.progress import Cancelled, Progress
from lga_core.service import ledger_requests as ask_ledger
from lga_core.service.ledger_view import LedgerView
from lga_core.service.work import desk as desk_module
from lga_core.service.work import perform
from lga_core.service.work.desk import Desk
from lga_core.service.work.session_ledger import SessionLedger
from tests.service.asking import EDIT, proxy
from tests.service.test_chat import Control

FACTS = proxy(3).candidates


class CancelledAfterItsLastReport(Control):
    """Of a job whose cancel comes when no more is reported."""

    def check(self) -> None:
        raise Cancelled


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def session(tmp_path) -> str:
    """Of this test alone: nothing is restored that another one has saved."""
    return tmp_path.name


@pytest.fixture
def ask(desk: Desk, session: str, tiny_folder) -> Callable:
    """Ask for something about the session's ledger."""

    def perform_it(kind: type[ask_ledger.LedgerRequest], control: Control | None = None, **what):
        request = kind(model=str(tiny_folder), session=session, number=1, **what)
        return perform(desk, request, control or Control())

    return perform_it


@pytest.fixture
def write(ask: Callable) -> Callable[..., LedgerView]:
    """Write one fact by R-ROME, or as it is said."""

    def written(number: int = 0, **what) -> LedgerView:
        usual = {"editor": "r-rome", "layers": (1,), "settings": EDIT, "mode": "sequential", "each": False}
        return ask(ask_ledger.WriteEdits, facts=(FACTS[number],), **{**usual, **what})

    return written


@contextmanager
def full_disk() -> Iterator[None]:
    """No file gets larger than some bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def book(desk: Desk, session: str, tiny_folder) -> Callable[[], SessionLedger]:
    """The session's ledger as the engine has it."""
    return lambda: desk.ledger(session, desk.model(str(tiny_folder), Control()))


def ids(ledger: Ledger | LedgerView) -> list[str]:
    return [entry.id for entry in ledger.entries]


def test_a_change_that_cannot_be_saved_is_not_made(desk, ask, write, book, session, tiny_folder):
    before = write()
    with full_disk():
        for number in (1, 1):
            with pytest.raises(LgaError, match="No room to keep"):
                write(number)
        with pytest.raises(LgaError, match="No room to keep"):
            ask(ask_ledger.ChangeLedger, how="toggle", entry=before.entries[0].id)
    assert book().view() == before and len(book().ledger.edits) == 1
    assert ids(SessionLedger.restored(session, desk.model(str(tiny_folder), Control())).ledger) == ids(before)
    after = write(1)
    assert [entry.facts for entry in after.entries] == [(FACTS[0],), (FACTS[1],)]
    assert [change.words for change in after.changes] == ["wrote Space Needle", "wrote Eiffel Tower"]


def test_an_edit_that_is_not_finite_does_not_keep_others_from_being_written(write):
    broken = FineTuningSettings(steps=3, learning_rate=1e37)
    with pytest.raises(LgaError, match="blew up"):
        write(editor="ft-m", settings=broken)
    assert [entry.editor for entry in write().entries] == ["r-rome"]


def test_a_loaded_set_that_cannot_be_saved_leaves_the_ledger_and_its_file(ask, write, book):
    write()
    content = ask(ask_ledger.SaveEditSet)
    before = write(1)
    saved = book().path.read_bytes()
    with full_disk(), pytest.raises(LgaError, match="No room to keep"):
        ask(ask_ledger.LoadEditSet, source=content, name="one.zip")
    assert book().view() == before and book().path.read_bytes() == saved
    loaded = ask(ask_ledger.LoadEditSet, source=content, name="one.zip")
    assert ids(loaded) == ids(before)[:1] and [change.words for change in loaded.changes] == ["loaded one.zip"]


def test_a_job_that_is_cancelled_after_its_last_report_changes_nothing(ask, write, book):
    before = write()
    content = ask(ask_ledger.SaveEditSet)
    after = write(1)
    first = after.entries[0].id
    off = ask(ask_ledger.ChangeLedger, how="toggle", entry=first)
    writing = {"facts": FACTS[2:], "editor": "r-rome", "layers": (1,), "settings": EDIT, "mode": "sequential"}
    for kind, what in (
        (ask_ledger.WriteEdits, writing),
        (ask_ledger.RecomputeEdits, {}),
        (ask_ledger.ChangeLedger, {"how": "remove", "entry": first}),
        (ask_ledger.ChangeLedger, {"how": "undo all"}),
        (ask_ledger.LoadEditSet, {"source": content, "name": "one.zip"}),
    ):
        with pytest.raises(Cancelled):
            ask(kind, CancelledAfterItsLastReport(), **what)
        assert book().view() == off
    assert ids(off) == ids(after) != ids(before) and off.entries[1].stale


def test_ledgers_that_were_not_used_lately_come_back_from_disk(desk, write, book, session, tiny_folder, monkeypatch):
    monkeypatch.setattr(desk_module, "LEDGERS_KEPT", 2)
    written = write()
    model = desk.model(str(tiny_folder), Control())
    of_a_job = book()
    for other in ("b", "c", "d"):
        desk.ledger(other, model)
    assert book() is of_a_job, "a job that has it would change another one than the next"
    for other in ("b", "c"):
        desk.ledger(other, model)
    let_go = weakref.ref(of_a_job)
    del of_a_job
    gc.collect()
    assert let_go() is None
    assert ids(book().ledger) == ids(written)


def test_saved_edits_that_cannot_be_read_now_are_not_written_over(write, book, session, tiny_folder):
    """After the engine's restart the file is cut off, and whole again later."""
    before = write()
    saved = book().path
    content = saved.read_bytes()
    saved.write_bytes(content[:1000])
    restarted = Desk()

    def ask_again(kind: type[ask_ledger.LedgerRequest], **what):
        return perform(restarted, kind(model=str(tiny_folder), session=session, number=1, **what), Control())

    def write_another() -> LedgerView:
        how = {"editor": "r-rome", "layers": (1,), "settings": EDIT, "mode": "sequential", "each": False}
        return ask_again(ask_ledger.WriteEdits, facts=(FACTS[1],), **how)

    for _ in range(2):
        with pytest.raises(LgaError, match=r"cannot be read now.*try again later.*undo all"):
            write_another()
        assert saved.read_bytes() == content[:1000]
    saved.write_bytes(content)
    after = write_another()
    assert [entry.facts for entry in after.entries] == [(FACTS[0],), (FACTS[1],)] and ids(before) == ids(after)[:1]


@pytest.mark.parametrize("how", ["undo all", "load"])
def test_saved_edits_that_cannot_be_read_give_way_to_a_new_beginning(ask, write, book, session, tiny_folder, how):
    write()
    content = ask(ask_ledger.SaveEditSet)
    book().path.write_bytes(b"cut off")
    about = {"model": str(tiny_folder), "session": session, "number": 1}
    restarted = Desk()
    if how == "undo all":
        perform(restarted, ask_ledger.ChangeLedger(how="undo all", **about), Control())
    else:
        perform(restarted, ask_ledger.LoadEditSet(source=content, name="one.zip", **about), Control())
    measured = perform(restarted, ask_ledger.MeasureEdits(**about), Control())
    assert len(measured.entries) == (1 if how == "load" else 0)
    assert len(measured.changes) == (2 if how == "load" else 0), "the book of the change is the one at hand"


def test_the_session_of_a_tab_that_is_in_use_is_not_removed_as_an_old_one(desk, write, book, tiny_folder):
    before = write()
    folder = book().path.parent
    month_ago = time.time() - 30 * 86_400
    other = folder.parent / "another session"
    other.mkdir()
    for place in (folder, other):
        os.utime(place, (month_ago, month_ago))
    model = desk.model(str(tiny_folder), Control())
    session = folder.name
    assert ids(desk.ledger(session, model).ledger) == ids(before)  # read, and nothing is written
    assert ids(Desk().ledger(session, model).ledger) == ids(before)
    assert folder.is_dir() and not other.exists()


def test_with_another_model_the_ledgers_of_the_last_one_are_let_go(desk, write, book, chat_folder):
    written = write()
    let_go = weakref.ref(book())
    desk.model(f"{chat_folder}:chat", Control())
    gc.collect()
    assert let_go() is None
    assert ids(book().ledger) == ids(written)


def test_a_model_that_cannot_be_fetched_leaves_the_one_in_memory(desk, tiny_folder, monkeypatch):
    model = desk.model(str(tiny_folder), Control())
    monkeypatch.setenv("LGA_OFFLINE", "1")
    with pytest.raises(LgaError, match="LGA_OFFLINE=1 forbids"):
        desk.model("smollm2-135m", Control())
    assert desk.peek(str(tiny_folder)) is model


def test_while_a_model_is_fetched_the_one_in_memory_stays_and_its_job_has_no_turn(desk, tiny_folder, tmp_path):
    """A file that is no GGUF: it is not fetched in the end."""
    model = desk.model(str(tiny_folder), Control())
    seen: list[tuple[bool, bool]] = []

    class Watching(Control):
        outside = False

        def report(self, progress: Progress) -> None:
            seen.append((self.outside, desk.peek(str(tiny_folder)) is model))

        @contextmanager
        def without_turn(self):
            self.outside = True
            yield

    (tmp_path / "broken.gguf").write_bytes(b"nothing")
    with pytest.raises(LgaError):
        desk.model(str(tmp_path / "broken.gguf"), Watching())
    assert seen and set(seen) == {(True, True)}
