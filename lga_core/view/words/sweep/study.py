"""The reproduction study in tables: cells as words, "n/a" where a quantity cannot be had, ready for page and README."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lga_core.results import METRICS, Across, Estimate, Stability, StudyUnit, Summary, Transfer
from lga_core.view.words.sweep.claims import compared
from lga_core.view.words.sweep.sentences import points
from lga_core.view.words.text import count, fixed

Table = list[dict[str, str]]


def study_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A unit in the paper's shape, one row a selector; from `worth.study.table_rows`."""
    return [
        {
            "selector": row["selector"],
            "layer": fixed(row["layer"]) if row["reason"] is None else "no pick",
            **{metric: _with_n(row[metric], row[f"{metric}_n"]) for metric in METRICS},
            "fluency": _with_n(row["fluency"], row["fluency_n"]),
            "Overall": _between(row, "overall"),
            "regret": _between(row, "regret"),
            "layer ± 1 again": _share(row["firm"]),
            "rows (× fewer)": _cost(fixed(row["rows"]), row["fewer_rows"]),
            "seconds (× faster)": _cost(_seconds(row["seconds"]), row["faster"]),
        }
        for row in rows
    ]


def no_picks(rows: Sequence[Mapping[str, Any]]) -> str:
    """Why selectors of a unit have no pick; empty where all have one."""
    return " ".join(f"{row['selector']} has no pick: {row['reason']}." for row in rows if row["reason"] is not None)


def summary_table(summary: Summary) -> Table:
    """Every selector over several units, the lowest mean regret first, and what no selector can pass."""

    def row(name: str, units: int, measures: Mapping[str, Estimate], **cells: str) -> dict[str, str]:
        return {
            "selector": name,
            "units": f"{units}",
            **{metric: _one(measures.get(metric, Estimate())) for metric in METRICS},
            "Overall": points(measures.get("overall", Estimate())),
            "regret": _points_with_n(measures.get("regret", Estimate())),
            "best in": cells.get("best", "n/a"),
            "layer ± 1 again": cells.get("firm", "n/a"),
            "× fewer rows": cells.get("fewer_rows", "n/a"),
            "× faster": cells.get("faster", "n/a"),
        }

    units = summary.units
    return [
        *(
            row(
                item.title,
                item.units,
                item.measures,
                best=f"{item.highest}",
                firm=_share(item.firm),
                fewer_rows=fixed(item.fewer_rows),
                faster=fixed(item.faster),
            )
            for item in sorted(summary.selectors, key=_by_regret)
        ),
        row("A layer drawn at random", units, summary.any_layer),
        row(
            "Each unit’s best layer, as half of its test facts name it", summary.with_regret, {"overall": summary.best}
        ),
        row("Sample-wise optimum", units, {"overall": summary.optimum}),
    ]


def _by_regret(item: Across) -> tuple[bool, float]:
    value = item.measures["regret"].value
    return value is None, value or 0.0


def pairs_table(summary: Summary) -> Table:
    """Two selectors at a time on the same facts, Overall."""
    titles = {item.selector: item.title for item in summary.selectors}
    return [
        {"Overall": f"{titles[item.first]} less {titles[item.second]}", "points": compared(item)}
        for item in summary.differences
        if item.metric == "overall" and {item.first, item.second} <= set(titles)
    ]


def forecast_table(proxy: Summary, test: Summary) -> Table:
    """The forecast, whole and taken apart: where its terms were tried out, and on facts held out."""
    held_out = {item.selector: item for item in test.selectors}
    return [
        {
            "selector": item.title,
            "regret on the proxy": points(item.measures["regret"]),
            "regret on held-out facts": points(held_out[item.selector].measures["regret"]),
            "best in": f"{held_out[item.selector].highest}",
        }
        for item in proxy.selectors
        if item.selector in held_out
    ]


def carried_table(carried: Transfer) -> Table:
    """Regret of the picks of every set (rows) on the facts of every set (columns)."""

    def regret(row: int, column: int) -> str:
        return points(
            Estimate(
                value=_finite(carried.regret[row, column]),
                low=_finite(carried.low[row, column]),
                high=_finite(carried.high[row, column]),
            )
        )

    return [
        {
            "picked on": f"{source}: layer {fixed(layer)}",
            **{target: regret(row, column) for column, target in enumerate(carried.targets)},
        }
        for row, (source, layer) in enumerate(zip(carried.sources, carried.layers, strict=True))
    ]


def stability_table(stabilities: Sequence[Stability]) -> Table:
    """What fewer proxy facts pick most often, how often they pick within one layer of what all of them pick, and the
    mean regret of what they pick. Units before near picks were counted say how often they pick the very same layer."""
    sizes = sorted({size for item in stabilities for size in item.sizes})
    return [{"proxy facts": f"{size}", **{item.title: _firmness(item, size) for item in stabilities}} for size in sizes]


def unit_title(unit: StudyUnit) -> str:
    """What a unit is, when and on what it was measured."""
    origin = unit.provenance
    had, asked = len(unit.test.records), unit.settings.get("test_facts", 0)
    facts = f"n {had} test facts" + (f" (the set has no more; {asked} were asked for)" if had < asked else "")
    early = " · LGA with the answer's loss only" if unit.settings.get("losses") == ["answer"] else ""
    seed = f" · seed {unit.settings['seed']}"
    return f"{unit_name(unit)} · {facts}{early}{seed} · {origin.created[:10]} · {origin.machine}"


def protocol_title(units: Sequence[StudyUnit]) -> str:
    """Units that were measured alike: how many, of how many facts, when, and by which accepted answer of a probe."""
    proxy = max(len(unit.proxy.records) for unit in units)
    test = max(len(unit.test.records) for unit in units)
    days = sorted({unit.provenance.created[:10] for unit in units})
    measured = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    size = f"{count(len(units), 'unit')} of at most {proxy} proxy and {test} test facts"
    return f"{size}, measured {measured}, the {units[0].test.answers} accepted answer of a probe counts"


def unit_name(unit: StudyUnit) -> str:
    """Short, for a list."""
    return f"{unit.model} · {unit.title} · {unit.editor}"


def _firmness(item: Stability, size: int) -> str:
    if size not in item.sizes:
        return "n/a"
    place = item.sizes.index(size)
    share = _finite((item.share if item.near is None else item.near)[place])
    if share is None:
        return "no pick"
    near = f"{100 * share:.0f} %" + (" the same" if item.near is None else " within one")
    layer = f"layer {fixed(item.picks[place])}, " if item.picks else ""
    regret = _finite(item.regret[place])
    return f"{layer}{near}" + ("" if regret is None else f", regret {regret:.1f}")


def _finite(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _one(estimate: Estimate) -> str:
    return "n/a" if estimate.value is None else f"{estimate.value:.1f} ({estimate.n})"


def _with_n(value: float | None, n: int) -> str:
    return _one(Estimate(value=value, n=n))


def _points_with_n(estimate: Estimate) -> str:
    return points(estimate) + ("" if estimate.value is None else f", n {estimate.n}")


def _share(value: float | None) -> str:
    return "n/a" if value is None else f"{100 * value:.0f} %"


def _cost(own: str, times: float | None) -> str:
    return own if times is None else f"{own} ({times:,.0f} ×)"


def _seconds(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def _between(row: Mapping[str, Any], name: str) -> str:
    return points(Estimate(value=row[name], low=row[f"{name}_low"], high=row[f"{name}_high"]))
