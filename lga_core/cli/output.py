"""What the command line says: progress on stderr, the answer on stdout, the JSON file."""

import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TextIO

import numpy as np

from lga_core.cli.options import Common
from lga_core.errors import LgaError
from lga_core.paths import whole_file
from lga_core.progress import Phase, Progress
from lga_core.results import MemoryEstimate, Stored
from lga_core.view.words.sentences import memory_sentence
from lga_core.view.words.text import count, printable

SECONDS_BETWEEN_LINES = 15.0  # where stderr is a file or a pipe
SECONDS_BETWEEN_UPDATES = 0.1  # where it is a terminal
MANY = 100_000


@dataclass
class ProgressLine:
    """A reporter: one line that is written over again on a terminal; a line now and then elsewhere."""

    stream: TextIO
    quiet: bool
    _phase: Phase | None = None
    _text: str = ""
    _shown: float = -math.inf

    def __call__(self, progress: Progress) -> None:
        terminal = self.stream.isatty()
        now = time.monotonic()
        last = progress.total > 0 and progress.done >= progress.total
        due = now - self._shown >= (SECONDS_BETWEEN_UPDATES if terminal else SECONDS_BETWEEN_LINES)
        text = printable(_in_words(progress))
        if self.quiet or text == self._text or not (due or last or progress.phase is not self._phase):
            return
        self.stream.write(f"\r{text:<{len(self._text)}}" if terminal else f"{text}\n")
        self.stream.flush()
        self._phase = progress.phase
        self._text = text
        self._shown = now

    def show_memory(self, what: str, need: MemoryEstimate) -> None:
        """What a step will take of the memory, on a line of its own."""
        if not self.quiet:
            self._clear()
            print(f"{what}: {memory_sentence(need)}", file=self.stream, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._clear()

    def _clear(self) -> None:
        """Leave the terminal's line."""
        if self._text and self.stream.isatty():
            self.stream.write(f"\r{'':<{len(self._text)}}\r")
            self.stream.flush()
        self._text = ""


def progress_line(common: Common) -> ProgressLine:
    """The reporter of a command: `with progress_line(common) as report: …`."""
    return ProgressLine(stream=sys.stderr, quiet=common.quiet)


def answer(common: Common, data: Any, text: str) -> None:
    """Print the answer, as JSON or as `text`, and write the JSON file where one is asked for."""
    content = json.dumps(plain(data), indent=1, allow_nan=False)
    # while a command runs, stdout is stderr, so that no library's chatter gets into the answer
    print(content if common.json else printable(text), file=sys.__stdout__, flush=True)
    if common.out is not None:
        write_out(common.out, content + "\n")


def write_out(path: Path, content: str) -> None:
    """Write what --out asks for: whole or not at all, but into a pipe or a device as it comes. Raises LgaError."""
    try:
        if path.exists() and not path.is_file():
            path.write_text(content, encoding="utf-8")
        else:
            with whole_file(Path(os.path.realpath(path))) as half:  # where it is a link, its file is replaced
                half.write_text(content, encoding="utf-8")
    except OSError as error:
        raise LgaError(
            f"--out: {path} cannot be written: {error.strerror}.",
            hint="Name a file where you may write and where there is room.",
        ) from error


def plain(value: Any) -> Any:
    """For JSON: arrays as lists, and null for what is not a number."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def attributes(item: object, *names: str) -> dict[str, Any]:
    """Some of an object's attributes, by their own names."""
    return {name: getattr(item, name) for name in names}


def origin(stored: Stored | None) -> dict[str, Any]:
    """Where an answer's numbers lie; None: they are not stored."""
    return {
        "run": stored and stored.provenance.key,
        "from_store": stored is not None and stored.from_store,
    }


def if_stored(stored: Stored | None) -> str:
    """What follows the cost of an answer that was not computed now."""
    return ", from the store" if stored is not None and stored.from_store else ""


def span(low: float | None, high: float | None) -> str:
    """An interval; n/a where it cannot be had."""
    return "n/a" if low is None or high is None else f"{low:.1f} to {high:.1f}"


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns in line: text to the left, numbers to the right, "n/a" for what is not there."""
    cells = [[_cell(value) for value in row] for row in rows]
    right = [any(isinstance(row[i], int | float) for row in rows) for i in range(len(head))]
    widths = [max(map(len, column)) for column in zip(head, *cells, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in ([*head], *cells)
    ]
    return "\n".join(lines)


def _in_words(progress: Progress) -> str:
    """Steps as a count of what they are, where that has a name; bytes, which are many, as a share."""
    words = [progress.phase.value]
    if progress.total >= MANY:
        words.append(f"{100 * progress.done // progress.total} %")
    elif progress.total > 0:
        words.append(f"{progress.done}/{_total(progress)}")
    if progress.detail:
        words.append(f"({progress.detail})")
    return " ".join(words)


def _total(progress: Progress) -> str:
    return count(progress.total, progress.counted) if progress.counted else str(progress.total)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "n/a"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split())  # a cell is one line
