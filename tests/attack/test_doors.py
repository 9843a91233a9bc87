"""Generated hostile input at every door: nothing but an LgaError comes out, nothing leaves its folder, nothing is run.

LGA_ATTACKS sets how many cases there are in all (300 in the suite; docs/RESULTS.md says how many were tried).
"""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attack.adapter_doors import adapter_loaded, adapter_published
from attack.edit_doors import edit_set, hparams, text_name
from attack.fact_doors import fact_source, typed, upload
from attack.hostile import trap
from attack.model_doors import model_folder, model_name
from attack.run_doors import link, run_key

from lga_core.errors import LgaError

CASES = int(os.environ.get("LGA_ATTACKS", "300"))
SECONDS = 300  # for one case: the slowest takes a few, and far longer on a machine with much else to do
DOORS: dict[Callable[[random.Random, Path], None], int] = {
    upload: 15,
    typed: 10,
    link: 5,
    hparams: 5,
    fact_source: 5,
    text_name: 5,
    model_name: 10,
    run_key: 10,
    model_folder: 10,
    edit_set: 10,
    adapter_loaded: 5,
    adapter_published: 10,
}  # per cent of the cases


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The test fails where the block takes longer, even where it waits for a pipe that nobody writes to."""

    def late(*_signal: object) -> None:
        pytest.fail(f"took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
def test_hostile_input(door, tmp_path, monkeypatch):
    inside = trap(tmp_path)
    outside = {path: path.read_bytes() for path in (tmp_path / "outside").rglob("*") if path.is_file()}
    monkeypatch.chdir(inside)
    monkeypatch.setenv("HOME", str(inside))
    monkeypatch.setenv("LGA_OFFLINE", "1")
    monkeypatch.setenv("LGA_MODEL_ROOTS", str(inside))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    chance, refused = random.Random(door.__name__), 0
    cases = max(CASES * DOORS[door] // 100, 1)
    for number in range(cases):
        try:
            with within(SECONDS):
                door(chance, inside)
        except LgaError as error:
            assert error.cause and error.hint
            refused += 1
        except Exception as error:
            error.add_note(f"case {number} of {door.__name__}")
            raise
    assert refused or door is model_folder or door is run_key
    assert {path: path.read_bytes() for path in (tmp_path / "outside").rglob("*") if path.is_file()} == outside
    assert not list(tmp_path.rglob("hit")) and {path.name for path in tmp_path.iterdir()} == {"inside", "outside"}


def test_cases_are_all_there():
    assert sum(DOORS.values()) == 100
