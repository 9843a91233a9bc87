"""From a file's bytes to its records: JSON, JSON Lines and CSV. Knows nothing of facts."""

import csv
import io
import json
from typing import Any

from lga_core.errors import LgaError

SUFFIXES = (".json", ".jsonl", ".csv")
MAX_BYTES = 200_000_000  # that are read whole


def check_readable(name: str, suffix: str, size: int) -> None:
    """Raise LgaError for a file that is not worth reading: of another format, or too large."""
    check_suffix(name, suffix)
    check_size(name, size, "Name a part of it.")


def check_suffix(name: str, suffix: str) -> None:
    if suffix.lower() not in SUFFIXES:
        raise LgaError(f"{name} ends in “{suffix}”.", hint=f"Use a file that ends in {', '.join(SUFFIXES)}.")


def check_size(name: str, size: int, hint: str) -> None:
    if size > MAX_BYTES:
        raise LgaError(f"{name} has {size / 1e6:,.0f} MB; {MAX_BYTES / 1e6:.0f} MB are read at most.", hint=hint)


def parse_records(name: str, data: bytes, suffix: str) -> list[Any]:
    """The records in `data` in order. Raises LgaError for anything but a non-empty list of them."""
    check_suffix(name, suffix)
    parse = {".json": _json, ".jsonl": _json_lines, ".csv": _csv}[suffix.lower()]
    records = parse(name, _decoded(name, data))
    if not records:
        raise LgaError(f"{name} is empty.", hint="Give at least one record.")
    return records


def _decoded(name: str, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LgaError(
            f"{name} is not UTF-8 text: the first byte that does not fit is number {error.start + 1}.",
            hint="Save it in the encoding UTF-8.",
        ) from error


def _json(name: str, content: str) -> list[Any]:
    if not content.strip():
        return []
    records = _loaded(name, content)
    if not isinstance(records, list):
        raise LgaError(
            f"{name} holds one {'object' if isinstance(records, dict) else 'value'}, not a list of records.",
            hint="Put the records between [ and ], or use JSON Lines (.jsonl) with one record a line.",
        )
    return records


def _json_lines(name: str, content: str) -> list[Any]:
    # split at \n only: JSON strings may hold other characters that str.splitlines takes for line ends
    lines = enumerate(content.split("\n"), start=1)
    return [_loaded(name, line, number) for number, line in lines if line.strip()]


def _loaded(name: str, content: str, first_line: int = 1) -> Any:
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        where = f"line {first_line + error.lineno - 1}, column {error.colno}"
        raise LgaError(
            f"{name} is broken JSON at {where}: {error.msg}.", hint="Correct it there and try again."
        ) from error
    except (RecursionError, ValueError) as error:  # nested too deep, or a number of thousands of digits
        raise LgaError(f"{name} cannot be read as JSON: {error}.", hint="Write plain, flat records.") from error


def _csv(name: str, content: str) -> list[Any]:
    """One record a row, empty cells as null. The separator is the one that the header has most of."""
    header = content.partition("\n")[0]
    rows = csv.reader(io.StringIO(content, newline=""), delimiter=max(",;\t", key=header.count), strict=True)
    try:
        columns = [column.strip() for column in next(rows, [])]
        if len(set(columns)) < len(columns):
            raise LgaError(f"{name} has two columns of one name.", hint="Give every column its own name.")
        return [_row(columns, row) for row in rows if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise LgaError(
            f"{name} is broken CSV at line {rows.line_num}: {error}.", hint="Correct it there and try again."
        ) from error


def _row(columns: list[str], cells: list[str]) -> dict[str | None, Any]:
    """Cells beyond the header stand under None, as in csv.DictReader: the reader of records refuses such a row."""
    record: dict[str | None, Any] = {column: cell or None for column, cell in zip(columns, cells, strict=False)}
    if len(cells) > len(columns):
        record[None] = cells[len(columns) :]
    return record
