"""The reproduction study's table in the paper's shape, as text: `worth.study.table_rows` rows in, Markdown out."""

from collections.abc import Mapping, Sequence
from typing import Any

from lga_core.results import METRICS, StudyUnit


def study_table(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """One row a selector, every cell as words; "n/a" where a quantity cannot be had."""
    return [{
        "selector": row["selector"], "layer": _whole(row["layer"]) if row["reason"] is None else "no pick",
        **{metric: _with_n(row[metric], row[f"{metric}_n"]) for metric in METRICS},
        "fluency": _with_n(row["fluency"], row["fluency_n"]), "Overall": _between(row, "overall"),
        "regret": _between(row, "regret"), "rows": _whole(row["rows"]),
        "× fewer rows than the sweep": "n/a" if row["cheaper"] is None else f"{row['cheaper']:,.0f}",
    } for row in rows]


def unit_title(unit: StudyUnit) -> str:
    """What a unit is, when and on what it was measured."""
    origin = unit.provenance
    return (f"{origin.model} · {unit.title} · {unit.editor} · n {len(unit.test.records)} test facts · "
            f"{origin.created[:10]} · {origin.machine}")


def markdown(table: Sequence[Mapping[str, str]]) -> str:
    """A Markdown table of rows with the same columns."""
    columns = list(table[0])
    lines = [columns, ["---"] * len(columns), *([row[name] for name in columns] for row in table)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _with_n(value: float | None, n: int) -> str:
    return "n/a" if value is None else f"{value:.1f} ({n})"


def _between(row: Mapping[str, Any], name: str) -> str:
    value, low, high = (row[key] for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "n/a"
    return f"{value:.1f}" if low is None else f"{value:.1f} ({low:.1f} to {high:.1f})"


def _whole(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.0f}"
