"""The parts of README.md that are written from the code and from kept results: `python tests/readme.py`."""

import sys
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lga_core.results import StudyUnit

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


def summary() -> str:
    """The study's units together, and the paper's claims by them; from assets/study."""
    from lga_core.view.study import claims_table, markdown, pairs_table, recommendation, summary_table
    from lga_core.worth.across import summary as over

    found, parts = over(_main()), []
    for model, units in groupby(sorted(_main(), key=lambda unit: unit.model), key=lambda unit: unit.model):
        parts.append(f"{model} alone: {recommendation(over(tuple(units)))}")
    return "\n\n".join([recommendation(found), markdown(summary_table(found)), markdown(pairs_table(found)), *parts,
                        markdown(claims_table(found))])


def forecast() -> str:
    """The forecast's terms, on the proxy's facts and on held-out ones; and without the set it was developed on."""
    from lga_core.view.study import forecast_table, markdown, pairs_table, recommendation
    from lga_core.worth.across import in_sample
    from lga_core.worth.across import summary as over
    from lga_core.worth.study import FORECASTS

    names = ("forecast", *(item.name for item in FORECASTS))
    apart = over(tuple(unit for unit in _main() if unit.fact_set != "world"))
    return "\n\n".join([
        markdown(forecast_table(over(in_sample(_main()), selectors=names), over(_main(), selectors=names))),
        f"Without `world`: {recommendation(apart)}", markdown(pairs_table(apart))])


def carried() -> str:
    """Picks from one set on the facts of another, for each model."""
    from lga_core.view.study import carried_table, markdown
    from lga_core.worth.across import carried as between

    parts = []
    for model, units in groupby(sorted(_main(), key=lambda unit: unit.model), key=lambda unit: unit.model):
        found = tuple(units)
        for name in ("lga", "forecast", "brute-force"):
            table = between(found, name)
            parts.append(f"**{model} · {table.title}**\n\n{markdown(carried_table(table))}")
    return "\n\n".join(parts)


def study() -> str:
    """The reproduction study's units, one table each; from assets/study."""
    from lga_core.runs.study import kept_units
    from lga_core.view.study import markdown, no_picks, study_table, unit_title
    from lga_core.worth.study import table_rows

    parts = []
    for unit in kept_units():
        rows = table_rows(unit)
        parts += [f"<details><summary>{unit_title(unit)}</summary>", markdown(study_table(rows)),
                  *filter(None, [no_picks(rows)]), "</details>"]
    return "\n\n".join(parts)


def _main() -> tuple["StudyUnit", ...]:
    from lga_core.runs.study import kept_units
    from lga_core.worth.across import of_most

    return of_most(kept_units())


BLOCKS: Mapping[str, Callable[[], str]] = {
    "families": families, "summary": summary, "forecast": forecast, "carried": carried, "study": study,
}


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
