"""Texts that second moments are estimated from: the model's own, a file, or a data set; read row by row, never whole.

    own-text                                    sampled from the model itself
    file:PATH                                   plain UTF-8 text, JSON Lines with "text", or a folder `datasets` loads
    hub:OWNER/NAME[@REVISION][:CONFIG][:SPLIT]  a data set of the hub with a column "text"
    identity                                    no text: C is the identity
"""

import codecs
import functools
import hashlib
import json
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from transformers import PreTrainedTokenizerFast

from lga_core.data import hub
from lga_core.errors import LgaError
from lga_core.models.fingerprint import file_sha256
from lga_core.models.loaded import LoadedModel
from lga_core.models.own_text import VERSION as OWN_VERSION
from lga_core.models.own_text import corpus
from lga_core.models.tokens import TokenRow
from lga_core.results import Progress

OWN_TEXT, IDENTITY = "own-text", "identity"
FILE, HUB = "file:", hub.PREFIX
VERSION = 1                                  # of how texts are cut into rows
ROW_TOKENS = 128
PIECE_BYTES = 2**16                          # of a plain text, tokenized together
COLUMN = "text"


class Text(Protocol):
    """A source of token rows, the same ones in the same order each time."""

    def key(self, tokens: int) -> str:
        """What determines the rows, as a part of a file's name."""

    def rows(self, model: LoadedModel, tokens: int) -> Generator[Progress, None, Iterator[TokenRow]]:
        """Rows with at least `tokens` tokens in all, fewer where the text ends before."""


def source_problem(name: str) -> str | None:
    """Why this names no source of a second moment; None where it does."""
    if name in (OWN_TEXT, IDENTITY) or (name.startswith(FILE) and name.removeprefix(FILE).strip()):
        return None
    if name.startswith(HUB):
        with suppress(LgaError):                         # for a name out of shape
            hub.parse(name)
            return None
    return f"must be {OWN_TEXT}, {IDENTITY}, {FILE}PATH or {HUB}owner/name[:config[:split]], not {name!r}"


def text_named(name: str, seed: int) -> Text:
    """The text of that name. Raises LgaError where there is none, or it cannot be reached."""
    if name == OWN_TEXT:
        return OwnText(seed=seed)
    if problem := source_problem(name):
        raise LgaError(f"The source of the second moment {problem}.", mend="Name one of these.")
    return Documents(name=name, content=content_key(name))


def content_key(name: str) -> str | None:
    """What a text outside of the model is, 16 hex digits: a file's content, a data set's name and commit.

    None for the model's own text and the identity. Raises LgaError for what is not there.
    """
    if name in (OWN_TEXT, IDENTITY):
        return None
    dataset = _dataset(name)
    if dataset is None:
        return _file_digest(_path(name))
    if dataset.folder is not None:
        files = sorted(path for path in dataset.folder.rglob("*") if path.is_file())
        parts = [f"{path.relative_to(dataset.folder)} {_file_digest(path)}" for path in files]
    else:
        parts = [hub.commit(dataset) or "commit not known"]
    return _digest(dataset.repo, dataset.config, dataset.split, *parts)


@dataclass(frozen=True, kw_only=True)
class OwnText:
    """What the model writes itself."""

    seed: int

    def key(self, tokens: int) -> str:
        return f"text{OWN_VERSION}-n{tokens}-s{self.seed}"

    def rows(self, model: LoadedModel, tokens: int) -> Generator[Progress, None, Iterator[TokenRow]]:
        return iter((yield from corpus(model, tokens, self.seed)))


@dataclass(frozen=True, kw_only=True)
class Documents:
    """A file's or a data set's texts, each cut into rows of ROW_TOKENS tokens that begin as the tokenizer begins."""

    name: str
    content: str

    def key(self, tokens: int) -> str:
        return f"documents{VERSION}-{self.content}-n{tokens}"

    def rows(self, model: LoadedModel, tokens: int) -> Generator[Progress, None, Iterator[TokenRow]]:
        yield Progress(label=f"opening {self.name}", done=0, total=1)
        return self._rows(model.tokenizer, tokens)

    def _rows(self, tokenizer: PreTrainedTokenizerFast, tokens: int) -> Iterator[TokenRow]:
        opening, count = _opening(tokenizer), 0
        with closing(_documents(self.name)) as documents:
            for text in documents:
                ids = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
                for first in range(0, len(ids), ROW_TOKENS):
                    row = (*opening, *ids[first:first + ROW_TOKENS])
                    yield TokenRow(ids=row, start=len(row))
                    count += len(row)
                    if count >= tokens:
                        return


def _opening(tokenizer: PreTrainedTokenizerFast) -> tuple[int, ...]:
    """The special tokens that the tokenizer puts before a text (Gemma's BOS, none for GPT-2)."""
    marked, plain = tokenizer("a")["input_ids"], tokenizer("a", add_special_tokens=False)["input_ids"]
    return tuple(marked[:marked.index(plain[0])])


def _documents(name: str) -> Generator[str, None, None]:
    dataset = _dataset(name)
    if dataset is not None:
        with closing(hub.stream_rows(dataset)) as rows:
            for number, row in enumerate(rows, start=1):
                yield _text_in(row, f"Row {number} of {name}")
    elif (path := _path(name)).suffix.lower() == ".jsonl":
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
            except (ValueError, RecursionError) as error:         # of the encoding, or of the JSON
                raise LgaError(f"Line {number} of {path.name} is no JSON: {error}.", mend="Mend that line.") from error
            yield _text_in(row, f"Line {number} of {path.name}")


def _pieces(path: Path) -> Iterator[str]:
    """A plain text in pieces that end where a word does, wherever there is such a place."""
    decoder, rest, read = codecs.getincrementaldecoder("utf-8-sig")(), "", 0
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
    return LgaError(f"{path.name} is no plain text: {why}.",
                    mend="Name a text in the encoding UTF-8, or a .jsonl file with “text” in every line.")


def _text_in(row: Any, where: str) -> str:
    if isinstance(row, dict) and isinstance(row.get(COLUMN), str):
        return row[COLUMN]
    has = f"has {', '.join(map(str, row)) or 'nothing'}" if isinstance(row, dict) else "is no object"
    raise LgaError(f"{where} has no text under “{COLUMN}”: it {has}.",
                   mend=f"Name a source whose rows have their text under “{COLUMN}”.")


def _dataset(name: str) -> hub.DatasetId | None:
    return hub.parse(name if name.startswith(HUB) else name.removeprefix(FILE).strip())


def _path(name: str) -> Path:
    return Path(name.removeprefix(FILE).strip()).expanduser()


def _file_digest(path: Path) -> str:
    try:
        stat = path.stat()
        return _known_digest(path, stat.st_size, stat.st_mtime_ns)
    except (OSError, ValueError) as error:              # a ValueError for a name with a null character
        reason = (getattr(error, "strerror", None) or "this is no path").lower()
        raise LgaError(f"The text {path} cannot be read: {reason}.",
                       mend=f"Name a file, as {FILE}PATH, or a data set, as {HUB}owner/name.") from error


@functools.lru_cache(maxsize=64)
def _known_digest(path: Path, _size: int, _changed: int) -> str:
    """A large file is hashed once, until its size or its time of change is another."""
    return file_sha256(path)[:16]


def _digest(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]
