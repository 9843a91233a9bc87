"""Progress, tables and JSON, as they are written."""

import io
import os
import resource
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from lga_core.cli.output import ProgressLine, answer, plain, table, write_out
from lga_core.errors import LgaError
from lga_core.progress import STATE, Phase, Progress
from lga_core.results import MemoryEstimate

NEED = MemoryEstimate(activations=10**9, where="cpu", free=10**10)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def steps(*done: int, total: int = 4):
    for number in done:
        yield Progress(phase=Phase.KNOWN_FACTS, done=number, total=total)


def shown(stream, *progress, quiet=False) -> str:
    with ProgressLine(stream=stream, quiet=quiet) as report:
        for step in progress:
            report(step)
    return stream.getvalue()


def test_a_pipe_gets_few_lines_and_no_control_characters():
    text = shown(io.StringIO(), *steps(0, 1, 2, 3, 4, 4))
    assert text == "Known-fact check 0/4 facts\nKnown-fact check 4/4 facts\n"


def test_a_terminal_gets_one_line_that_is_gone_at_the_end():
    text = shown(Terminal(), *steps(0, 4))
    assert (
        "\n" not in text
        and text.startswith("\rKnown-fact check 0/4 facts\rKnown-fact check 4/4 facts")
        and text.endswith("\r")
    )


def test_a_new_phase_is_shown_at_once_and_bytes_as_a_share():
    fetching = Progress(phase=Phase.FETCH, done=50_000_000, total=200_000_000)
    assert shown(io.StringIO(), *steps(0), fetching) == "Known-fact check 0/4 facts\nFetching the model 25 %\n"


def test_what_is_counted_is_named_where_it_has_a_name():
    state = Progress(phase=Phase.CMA_MLP, done=40, total=330, unit=STATE)
    edit = Progress(phase=Phase.SWEEP, done=0, total=1)
    probes = Progress(phase=Phase.PROBES, done=3, total=7)
    text = shown(io.StringIO(), state, edit, probes)
    assert text == "CMA, MLP 40/330 states\nSweep 0/1 edit\nAsking the probes 3/7\n"


def test_a_detail_stands_behind_and_an_unknown_total_is_left_out():
    writing = Progress(phase=Phase.EXPORT, done=0, total=0, detail="model.safetensors")
    assert shown(io.StringIO(), writing) == "Writing the edited model (model.safetensors)\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_what_it_takes_of_the_memory_stands_on_a_line_of_its_own(quiet):
    stream = Terminal()
    with ProgressLine(stream=stream, quiet=quiet) as report:
        report(next(steps(0)))
        report.show_memory("LGA", NEED)
    text = stream.getvalue()
    assert text == "" if quiet else text.split("\r")[-1].startswith("LGA: about") and text.endswith("\n")


def test_quiet_is_silent():
    assert shown(Terminal(), *steps(0, 4), quiet=True) == ""


def test_an_interrupted_command_leaves_the_line():
    stream = Terminal()
    with pytest.raises(KeyboardInterrupt), ProgressLine(stream=stream, quiet=False) as report:
        report(next(steps(0)))
        raise KeyboardInterrupt
    assert stream.getvalue().endswith("\r")


def test_json_has_null_for_what_is_no_number():
    data = {"a": np.array([[1.0, np.nan]]), 3: (np.float64("inf"), None), "n": np.int64(2), "b": True}
    assert plain(data) == {"a": [[1.0, None]], "3": [None, None], "n": 2, "b": True}


def test_columns_stand_in_line_numbers_to_the_right():
    text = table(["layer", "sum", "why"], [[0, 1.5, "a\nb"], [10, float("nan"), None], [2, -171558.25, True]])
    assert text.splitlines() == [
        "layer         sum  why",
        "    0         1.5  a b",
        "   10         n/a  n/a",
        "    2  -1.716e+05  yes",
    ]


def test_what_would_steer_a_terminal_is_not_written_to_it(monkeypatch):
    hostile = "\x1b[2J\x9b1A \udcff Zürich 👩\u200d🚀\nnext"
    stream = io.StringIO()
    monkeypatch.setattr(sys, "__stdout__", stream)
    answer(SimpleNamespace(out=None, json=False), {}, hostile)
    assert stream.getvalue() == "\ufffd[2J\ufffd1A \ufffd Zürich 👩\u200d🚀\nnext\n"
    assert "\x1b" not in shown(io.StringIO(), Progress(phase=Phase.FETCH, done=0, total=1, detail=hostile))


def test_a_disk_that_is_full_leaves_the_earlier_file(tmp_path):
    (tmp_path / "linked").symlink_to(tmp_path / "out.json")
    write_out(tmp_path / "linked", "earlier")
    limit, most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
    try:
        with pytest.raises(LgaError, match="File too large"):
            write_out(tmp_path / "linked", "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, most))
    assert (tmp_path / "out.json").read_text() == "earlier" and (tmp_path / "linked").is_symlink()
    assert len(os.listdir(tmp_path)) == 2
    write_out(tmp_path / "linked", "later")
    assert (tmp_path / "out.json").read_text() == "later"
    read, write = os.pipe()
    write_out(type(tmp_path)(f"/dev/fd/{write}"), "into a pipe")
    assert os.read(read, 100) == b"into a pipe"
    os.close(read)
    os.close(write)
