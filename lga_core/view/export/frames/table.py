"""A table of a result: a pandas frame with typed columns and one row a thing that was measured, and CSV made of it.

Every table that leaves the program is one of these. A value that cannot be had is missing, never 0.
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

# Column types that hold "missing" beside their values.
TEXT, WHOLE, NUMBER, TRUTH = "str", "Int64", "float64", "boolean"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
Columns = Mapping[str, str]  # name -> type
Labels = Mapping[int, str]  # record -> its fact in words


def table(columns: Columns, lines: Iterable[Sequence[Any]]) -> pd.DataFrame:
    """A frame of these columns, in order, whatever values happen to be missing."""
    return pd.DataFrame(list(lines), columns=list(columns), dtype=object).astype(dict(columns))


def to_csv(frame: pd.DataFrame) -> str:
    """The frame in CSV, with numbers in full and cells that a spreadsheet would run defused."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(frame.columns)
    writer.writerows([_cell(value) for value in line] for line in frame.itertuples(index=False, name=None))
    return buffer.getvalue()


def _cell(value: object) -> str:
    """Nothing for what is missing, and text that a spreadsheet would run as a formula defused."""
    if value is None or value is pd.NA:
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    text = str(value)
    # A leading apostrophe is how spreadsheets themselves mark text; leading blanks do not hide a formula from them.
    dangerous = not isinstance(value, int) and (
        text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS)
    )
    return "'" + text if dangerous else text
