"""The parts of README.md and docs/ that are written from the code and from kept results: `python tests/readme.py`."""

import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lga_core.results import StudyUnit

ROOT = Path(__file__).parents[1]
README, RESULTS, MODELS = ROOT / "README.md", ROOT / "docs" / "RESULTS.md", ROOT / "docs" / "MODELS.md"
HEADLINE = ("selector", "units", "Overall", "regret", "× faster")
HEADLINE_SELECTORS = ("lga", "lga-answer", "cma-mlp", "forecast", "forecast-race", "brute-force", "middle")
CARRIED = ("lga", "lga-answer", "forecast", "brute-force")  # selectors whose picks are carried from set to set


def markdown(table: Sequence[Mapping[str, str]]) -> str:
    """A Markdown table of rows with the same columns."""
    columns = list(table[0])
    lines = [columns, ["---"] * len(columns), *([row[name] for name in columns] for row in table)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def families() -> str:
    """One row a model family, and those that are refused in a sentence; from the tests' own list."""
    from models.families import EXPERT_FAMILIES, FAMILIES

    rows = [f"| {family.title} | {family.note} |" for family in FAMILIES]
    refused = ", ".join(family.title for family in EXPERT_FAMILIES)
    return "\n".join(
        [
            "| family | what is particular about it |",
            "|---|---|",
            *rows,
            "",
            f"Refused by name, as mixtures of experts: {refused}.",
            "Encoders (BERT) and encoders with a decoder (T5) too.",
        ]
    )


def headline() -> str:
    """The units measured last, those measured alike together, in five columns; from assets/study."""
    from lga_core.view.words.sweep.study import protocol_title, summary_table
    from lga_core.worth.study.across import summary as over_units

    units = _groups()[0]
    rows = summary_table(over_units(units, selectors=HEADLINE_SELECTORS))
    return f"**{protocol_title(units)}**\n\n" + markdown([{name: row[name] for name in HEADLINE} for row in rows])


def summary() -> str:
    """The study's units together, and the paper's claims by them; from assets/study."""
    from lga_core.view.words.sweep.claims import claims_table, recommendation
    from lga_core.view.words.sweep.study import pairs_table, protocol_title, summary_table
    from lga_core.worth.study.across import summary as over_units

    parts = []
    for group in _groups():
        together = over_units(group)
        apart = _by_model(group)
        alone = [f"{model} alone: {recommendation(over_units(units))}" for model, units in apart if len(apart) > 1]
        parts += [
            f"**{protocol_title(group)}**",
            recommendation(together),
            markdown(summary_table(together)),
            markdown(pairs_table(together)),
            *alone,
            markdown(claims_table(together)),
        ]
    return "\n\n".join(parts)


def forecast() -> str:
    """The forecast's terms, on the proxy's facts and on held-out ones; and without the set it was developed on."""
    from lga_core.view.words.sweep.claims import recommendation
    from lga_core.view.words.sweep.study import forecast_table, pairs_table, protocol_title
    from lga_core.worth.study.across import summary as over_units
    from lga_core.worth.study.judged import FORECASTS

    names = ("forecast", *(item.name for item in FORECASTS))
    parts = []
    for group in _groups():
        on_proxy = over_units(group, selectors=names, in_sample=True)
        held_out = over_units(group, selectors=names)
        parts += [f"**{protocol_title(group)}**", markdown(forecast_table(on_proxy, held_out))]
        if others := tuple(unit for unit in group if unit.fact_set != "world"):
            apart = over_units(others)
            parts += [f"Without `world`: {recommendation(apart)}", markdown(pairs_table(apart))]
    return "\n\n".join(parts)


def carried() -> str:
    """Picks from one set on the facts of another, for each model."""
    from lga_core.view.words.sweep.study import carried_table
    from lga_core.worth.study.across import carried as between_sets

    parts = []
    several = [(model, units) for group in _groups() for model, units in _by_model(group) if len(units) > 1]
    for model, units in several:
        for name in (name for name in CARRIED if all(has_pick(unit, name) for unit in units)):
            table = between_sets(units, name)
            parts.append(f"**{model} · {table.title}**\n\n{markdown(carried_table(table))}")
    return "\n\n".join(parts)


def has_pick(unit: "StudyUnit", selector: str) -> bool:
    """Whether the unit was measured with this selector."""
    return any(pick.selector == selector for pick in unit.picks)


def study() -> str:
    """The reproduction study's units, one table each; from assets/study."""
    from lga_core.runs.shipped.study_units import kept_units
    from lga_core.view.words.sweep.study import no_picks, stability_table, study_table, unit_title
    from lga_core.worth.study.judged import stability, table_rows

    parts = []
    for unit in kept_units():
        rows = table_rows(unit)
        parts += [
            f"<details><summary>{unit_title(unit)}</summary>",
            markdown(study_table(rows)),
            *filter(None, [no_picks(rows)]),
            markdown(stability_table(stability(unit))),
            "</details>",
        ]
    return "\n\n".join(parts)


def _groups() -> tuple[tuple["StudyUnit", ...], ...]:
    """The units of the editor that most of them are of, those measured alike together."""
    from lga_core.runs.shipped.study_units import kept_units
    from lga_core.worth.study.across import by_protocol, of_most

    return by_protocol(of_most(kept_units()))


def _by_model(units: Sequence["StudyUnit"]) -> list[tuple[str, tuple["StudyUnit", ...]]]:
    ordered = sorted(units, key=lambda unit: unit.model)
    return [(model, tuple(own)) for model, own in groupby(ordered, key=lambda unit: unit.model)]


BLOCKS: Mapping[Path, Mapping[str, Callable[[], str]]] = {
    README: {"headline": headline},
    RESULTS: {"summary": summary, "forecast": forecast, "carried": carried, "study": study},
    MODELS: {"families": families},
}


def marks(name: str) -> tuple[str, str]:
    """The comments between which a block stands."""
    return f"<!-- {name}: written by tests/readme.py -->", f"<!-- /{name} -->"


def put_into(text: str, name: str, block: str) -> str:
    """A document with one block between its two marks."""
    begin, end = marks(name)
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{block}\n{end}{after}"


if __name__ == "__main__":
    sys.path += [str(ROOT), str(ROOT / "tests")]
    for document, blocks in BLOCKS.items():
        written = document.read_text(encoding="utf-8")
        for block_name, make in blocks.items():
            written = put_into(written, block_name, make())
        document.write_text(written, encoding="utf-8")
