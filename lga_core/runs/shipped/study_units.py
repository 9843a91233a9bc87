"""The finished units of the reproduction study: small files that are kept with the code (METHOD.md §6)."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from lga_core.resources import ASSETS
from lga_core.results import METRICS, StudyUnit, Sweep
from lga_core.runs.storage.row_file import write_whole

UNITS = ASSETS / "study"
DECIMALS = 2  # of a kept unit's metrics

State = tuple[tuple[str, int, int], ...]  # of each unit's file: path, when it was changed, bytes


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
    write_whole(unit_path(unit.model, unit.fact_set, unit.editor), (unit.to_json() + "\n").encode())


def kept_units() -> tuple[StudyUnit, ...]:
    """Every finished unit, by editor, set and model. They are read once, and again when one of them has changed."""
    return _read(kept_state())


def kept_state() -> State:
    """Equal as long as no unit is added or measured anew."""
    stats = {str(path): path.stat() for path in UNITS.glob("*.json")}
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in sorted(stats.items()))


@lru_cache(maxsize=1)
def _read(state: State) -> tuple[StudyUnit, ...]:
    units = [StudyUnit.from_json(Path(name).read_bytes()) for name, _changed, _bytes in state]
    return tuple(sorted(units, key=lambda unit: (unit.editor, unit.fact_set, unit.model)))


def without_edits(sweep: Sweep) -> Sweep:
    """The sweep's metrics, rounded, without what describes the single edits."""
    nothing = np.empty((0, 0))
    return replace(
        sweep,
        before=_rounded(sweep.before),
        after=_rounded(sweep.after),
        nll={name: nothing for name in METRICS},
        target_error=nothing,
        delta_norm=nothing,
        clamped=nothing,
        steps=nothing,
        costs=_rounded(sweep.costs),
    )


def _rounded(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.round(array, DECIMALS) for name, array in arrays.items()}
