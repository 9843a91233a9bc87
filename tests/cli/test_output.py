"""Progress, tables and JSON, as they are written."""

import io

import numpy as np
import pytest

from lga_core.cli.options import Common
from lga_core.cli.output import ProgressLine, plain, run, table
from lga_core.results import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def steps(*done: int, total: int = 4):
    for number in done:
        yield Progress(label="survey", done=number, total=total)


def shown(stream, *progress, quiet=False) -> str:
    line = ProgressLine(stream=stream, quiet=quiet)
    for item in progress:
        line.show(item)
    line.end()
    return stream.getvalue()


def test_a_pipe_gets_few_lines_and_no_control_characters():
    text = shown(io.StringIO(), *steps(0, 1, 2, 3, 4, 4))
    assert text == "survey 0/4\nsurvey 4/4\n"


def test_a_terminal_gets_one_line_that_is_gone_at_the_end():
    text = shown(Terminal(), *steps(0, 4))
    assert "\n" not in text and text.startswith("\rsurvey 0/4\rsurvey 4/4") and text.endswith("\r")


def test_a_new_label_is_shown_at_once_and_bytes_as_a_share():
    fetching = Progress(label="Fetching", done=50_000_000, total=200_000_000)
    assert shown(io.StringIO(), *steps(0), fetching) == "survey 0/4\nFetching 25 %\n"


def test_quiet_is_silent():
    assert shown(Terminal(), *steps(0, 4), quiet=True) == ""


def test_an_interrupted_run_closes_its_steps():
    closed = []

    def interrupted():
        try:
            yield Progress(label="survey", done=0, total=1)
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        run(Common(quiet=True), interrupted())
    assert closed


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
