"""Reads the texts that second moments are estimated from, row by row, never whole; `sources` has their names."""

import codecs
import json
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from transformers import PreTrainedTokenizerFast

from lga_core.data.sources import hub
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.text.own_text import VERSION as OWN_VERSION
from lga_core.models.text.own_text import corpus
from lga_core.models.text.sources import (
    HUB,
    OWN_TEXT,
    content_key,
    dataset_named,
    is_json_lines,
    path_named,
    source_problem,
)
from lga_core.models.text.tokens import TokenRow
from lga_core.progress import Phase, Progress, Reporter, silent

VERSION = 1  # of how texts are cut into rows
ROW_TOKENS = 128
PIECE_BYTES = 2**16  # of a plain text, tokenized together
COLUMN = "text"


class Text(Protocol):
    """A source of token rows, the same ones in the same order each time."""

    def key(self, tokens: int) -> str:
        """What determines the rows, as a part of a file's name."""

    def rows(self, model: LoadedModel, tokens: int, *, report: Reporter = silent) -> Iterator[TokenRow]:
        """Rows with at least `tokens` tokens in all, fewer where the text ends before."""


def text_named(name: str, seed: int) -> Text:
    """The text of that name. Raises LgaError where there is none, or it cannot be reached."""
    if name == OWN_TEXT:
        return OwnText(seed=seed)
    if problem := source_problem(name):
        raise LgaError(f"The source of the second moment {problem}.", hint="Name one of these.")
    return Documents(name=name, content=content_key(name))


@dataclass(frozen=True, kw_only=True)
class OwnText:
    """What the model writes itself."""

    seed: int

    def key(self, tokens: int) -> str:
        return f"text{OWN_VERSION}-n{tokens}-s{self.seed}"

    def rows(self, model: LoadedModel, tokens: int, *, report: Reporter = silent) -> Iterator[TokenRow]:
        return iter(corpus(model, tokens, self.seed, report=report))


@dataclass(frozen=True, kw_only=True)
class Documents:
    """A file's or a data set's texts, each cut into rows of ROW_TOKENS tokens that begin as the tokenizer begins."""

    name: str
    content: str

    def key(self, tokens: int) -> str:
        return f"documents{VERSION}-{self.content}-n{tokens}"

    def rows(self, model: LoadedModel, tokens: int, *, report: Reporter = silent) -> Iterator[TokenRow]:
        report(Progress(phase=Phase.READ_TEXT, done=0, total=1, detail=self.name))
        tokenizer = model.tokenizer
        opening = _opening(tokenizer)
        count = 0
        with closing(documents(self.name)) as texts:
            for text in texts:
                ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
                model.asking.check_embedded(ids)
                for first in range(0, len(ids), ROW_TOKENS):
                    row = (*opening, *ids[first : first + ROW_TOKENS])
                    yield TokenRow(ids=row, start=len(row))
                    count += len(row)
                    if count >= tokens:
                        self._check_unchanged()
                        return
        self._check_unchanged()

    def _check_unchanged(self) -> None:
        """Raise LgaError where the files were changed while they were read; of the hub one commit is read."""
        if not self.name.startswith(HUB) and content_key(self.name) != self.content:
            raise LgaError(f"The text {self.name} has changed while it was read.", hint="Ask again.")


def _opening(tokenizer: PreTrainedTokenizerFast) -> tuple[int, ...]:
    """The special tokens that the tokenizer puts before a text (Gemma's BOS, none for GPT-2)."""
    marked = tokenizer("a")["input_ids"]
    plain = tokenizer("a", add_special_tokens=False)["input_ids"]
    return tuple(marked[: marked.index(plain[0])])


def documents(name: str) -> Generator[str, None, None]:
    """The texts of a file or a data set, one after another; a plain text in pieces of PIECE_BYTES at most."""
    dataset = dataset_named(name)
    if dataset is not None:
        with closing(hub.stream_rows(dataset)) as rows:
            for number, row in enumerate(rows, start=1):
                yield _text_in(row, f"Row {number} of {name}")
    elif is_json_lines(path := path_named(name)):
        yield from _json_lines(path)
    else:
        yield from _pieces(path)


def _json_lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig"))
            except (ValueError, RecursionError) as error:  # of the encoding, or of the JSON
                raise LgaError(
                    f"Line {number} of {path.name} is no JSON: {error}.", hint="Correct that line."
                ) from error
            yield _text_in(row, f"Line {number} of {path.name}")


def _pieces(path: Path) -> Iterator[str]:
    """A plain text in pieces that end where a word does, wherever there is such a place."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = ""
    read = 0
    with path.open("rb") as file:
        while data := file.read(PIECE_BYTES):
            try:
                rest += decoder.decode(data)
            except UnicodeDecodeError as error:
                raise _not_text(path, f"the bytes from number {read + 1} on are not UTF-8 ({error.reason})") from error
            if "\0" in rest:
                raise _not_text(path, "it holds null characters")
            read += len(data)
            cut = max(rest.rfind(" "), rest.rfind("\n")) + 1 or len(rest)
            yield rest[:cut]
            rest = rest[cut:]
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise _not_text(path, "its last character is cut off") from error
    yield rest


def _not_text(path: Path, why: str) -> LgaError:
    return LgaError(
        f"{path.name} is no plain text: {why}.",
        hint="Name a text in the encoding UTF-8, or a .jsonl file with “text” in every line.",
    )


def _text_in(row: Any, where: str) -> str:
    if isinstance(row, dict) and isinstance(row.get(COLUMN), str):
        return row[COLUMN]
    has = f"has {', '.join(map(str, row)) or 'nothing'}" if isinstance(row, dict) else "is no object"
    raise LgaError(
        f"{where} has no text under “{COLUMN}”: it {has}.",
        hint=f"Name a source whose rows have their text under “{COLUMN}”.",
    )
