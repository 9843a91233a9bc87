"""The reproduction study that comes with the code: its finished units, and those measured alike put together."""

from dataclasses import dataclass
from functools import lru_cache

from lga_core.results import StudyUnit, Summary
from lga_core.runs.shipped.study_units import State, kept_state, kept_units
from lga_core.view.words.sweep.study import protocol_title, unit_name
from lga_core.worth.study.across import by_protocol, of_most, summary
from lga_core.worth.study.judged import FORECASTS


@dataclass(frozen=True, kw_only=True)
class Group:
    """Units of one editor that were measured alike, and what they say together."""

    units: tuple[StudyUnit, ...]
    over: Summary
    parts: Summary  # the forecast taken apart, on held-out facts
    parts_before: Summary  # and on those it was tried out on


@dataclass(frozen=True, kw_only=True)
class Study:
    """The finished units, and those of the editor that most of them are of in groups."""

    units: dict[str, StudyUnit]  # by name
    groups: dict[str, Group]  # by title, those measured last first


def read() -> Study | None:
    """The study as far as it is; None before its first unit."""
    return _read(kept_state())


@lru_cache(maxsize=1)
def _read(_state: State) -> Study | None:
    units = kept_units()
    if not units:
        return None
    main = of_most(units)
    ordered = (*main, *(unit for unit in units if unit not in main))
    return Study(
        units={unit_name(unit): unit for unit in ordered},
        groups={protocol_title(alike): _group(alike) for alike in by_protocol(main)},
    )


def _group(units: tuple[StudyUnit, ...]) -> Group:
    parts = ("forecast", *(item.name for item in FORECASTS))
    return Group(
        units=units,
        over=summary(units),
        parts=summary(units, selectors=parts),
        parts_before=summary(units, selectors=parts, in_sample=True),
    )
