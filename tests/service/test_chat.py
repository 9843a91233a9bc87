"""A model asked in its chat template is the one in memory, and the server's process knows it by its files."""

from contextlib import nullcontext

import pytest

from lga_core.errors import LgaError
from lga_core.models.loading import load
from lga_core.progress import Progress
from lga_core.service.process import machine
from lga_core.service.work.desk import Desk
from lga_core.service.work.desk import machine as find_machine


class Control:
    """Of a job that nobody looks at."""

    def report(self, progress: Progress) -> None:
        pass

    def check(self) -> None:
        pass

    def publish(self, value: object) -> None:
        pass

    def without_turn(self, *, last=False):
        return nullcontext()

    def holding(self):
        return nullcontext()


def test_both_ways_to_ask_share_one_model_in_memory(chat_folder):
    told = []
    desk = Desk(told.append)
    name = f"{chat_folder}:chat"
    assert desk.peek(name) is None
    chat = desk.model(name, Control())
    plain = desk.model(str(chat_folder), Control())
    assert told == [None, str(chat_folder)]
    assert chat.model is plain.model and chat.chat is not None and plain.chat is None
    assert desk.peek(name) is desk.model(name, Control()) is chat
    assert desk.ledger("tab", chat) is not desk.ledger("tab", plain)


@pytest.mark.parametrize("asked", ["", ":chat"])
def test_a_model_that_a_job_still_has_is_not_loaded_again(chat_folder, tiny_folder, asked):
    told = []
    desk = Desk(told.append)
    held = desk.model(f"{chat_folder}{asked}", Control())
    desk.model(str(tiny_folder), Control())
    again = desk.model(str(chat_folder), Control())
    assert again.model is held.model and again.name == str(chat_folder) and again.chat is None
    assert told == [None, str(chat_folder), None, str(tiny_folder), str(chat_folder)]
    assert desk.peek(str(tiny_folder)) is None, "one model is in memory, and those that jobs have"


def test_without_a_template_it_is_refused_and_the_plain_one_stays(tiny_folder):
    desk = Desk()
    with pytest.raises(LgaError, match="has no chat template"):
        desk.model(f"{tiny_folder}:chat", Control())
    assert desk.peek(str(tiny_folder)) is not None


def test_the_files_tell_which_model_it_is(chat_folder, tiny_folder):
    machine.remember(find_machine())
    name = f"{chat_folder}:chat"
    assert machine.identity(name) == load(name).identity
    assert machine.identity(str(chat_folder)).chat is None
    assert machine.identity(f"{tiny_folder}:chat") is None
