"""The finished units of the reproduction study: small files that are kept with the code (METHOD.md §6)."""

from pathlib import Path

from lga_core.resources import ASSETS
from lga_core.results import StudyUnit

UNITS = ASSETS / "study"


def unit_path(model: str, fact_set: str, editor: str) -> Path:
    return UNITS / f"{model}-{fact_set}-{editor}.json"


def read_unit(model: str, fact_set: str, editor: str) -> StudyUnit | None:
    """A finished unit; None where it is not kept."""
    try:
        return StudyUnit.from_json(unit_path(model, fact_set, editor).read_bytes())
    except FileNotFoundError:
        return None


def keep_unit(unit: StudyUnit) -> None:
    """Whole or not at all."""
    UNITS.mkdir(parents=True, exist_ok=True)
    path = unit_path(unit.model, unit.fact_set, unit.editor)
    half = path.with_suffix(".half")
    half.write_text(unit.to_json() + "\n", encoding="utf-8")
    half.replace(path)


def kept_units() -> tuple[StudyUnit, ...]:
    """Every finished unit, by editor, set and model."""
    units = [StudyUnit.from_json(path.read_bytes()) for path in UNITS.glob("*.json")]
    return tuple(sorted(units, key=lambda unit: (unit.editor, unit.fact_set, unit.model)))
