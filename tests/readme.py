"""The parts of README.md that are written from the code and from kept results: `python tests/readme.py`."""

import sys
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def families() -> str:
    """One row a model family, and those that are refused in a sentence; from the tests' own list."""
    from models.families import EXPERT_FAMILIES, FAMILIES

    rows = [f"| {family.title} | {family.note} |" for family in FAMILIES]
    refused = ", ".join(family.title for family in EXPERT_FAMILIES)
    return "\n".join([
        "| family | what is particular about it |", "|---|---|", *rows, "",
        f"Refused by name, as mixtures of experts: {refused}.", "Encoders (BERT) and encoders with a decoder (T5) too.",
    ])


def study() -> str:
    """The reproduction study's units, one table each; from assets/study."""
    from lga_core.runs.study import kept_units
    from lga_core.view.study import markdown, study_table, unit_title
    from lga_core.worth.study import table_rows

    parts = []
    for _editor, units in groupby(kept_units(), key=lambda unit: unit.editor):
        parts += [f"**{unit_title(unit)}**\n\n{markdown(study_table(table_rows(unit)))}" for unit in units]
    return "\n\n".join(parts) or "No unit is finished yet."


BLOCKS: Mapping[str, Callable[[], str]] = {"families": families, "study": study}


def marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: written by tests/readme.py -->", f"<!-- /{name} -->"


def put_into(text: str, name: str) -> str:
    """The README with one block between its two marks as it is today."""
    begin, end = marks(name)
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{BLOCKS[name]()}\n{end}{after}"


if __name__ == "__main__":
    sys.path += [str(README.parent), str(README.parent / "tests")]
    written = README.read_text(encoding="utf-8")
    for block in BLOCKS:
        written = put_into(written, block)
    README.write_text(written, encoding="utf-8")
