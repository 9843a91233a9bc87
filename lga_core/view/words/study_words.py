"""The reproduction study in tables: cells as words, "n/a" where a quantity cannot be had, ready for page and README."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lga_core.results import METRICS, Across, Difference, Estimate, Stability, StudyUnit, Summary, Transfer
from lga_core.view.words.sweep_words import BRUTE_FORCE, points
from lga_core.view.words.text import count

Table = list[dict[str, str]]


def study_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """A unit in the paper's shape, one row a selector; from `worth.study.table_rows`."""
    return [
        {
            "selector": row["selector"],
            "layer": _whole(row["layer"]) if row["reason"] is None else "no pick",
            **{metric: _with_n(row[metric], row[f"{metric}_n"]) for metric in METRICS},
            "fluency": _with_n(row["fluency"], row["fluency_n"]),
            "Overall": _between(row, "overall"),
            "regret": _between(row, "regret"),
            "rows (× fewer)": _cost(_whole(row["rows"]), row["fewer_rows"]),
            "seconds (× faster)": _cost(_seconds(row["seconds"]), row["faster"]),
        }
        for row in rows
    ]


def no_picks(rows: Sequence[Mapping[str, Any]]) -> str:
    """Why selectors of a unit have no pick; empty where all have one."""
    return " ".join(f"{row['selector']} has no pick: {row['reason']}." for row in rows if row["reason"] is not None)


def summary_table(summary: Summary) -> Table:
    """Every selector over several units, the lowest mean regret first, and what no selector can pass."""

    def row(name: str, units: str, measures: Mapping[str, Estimate], **cells: str) -> dict[str, str]:
        return {
            "selector": name,
            "units": units,
            **{metric: _one(measures.get(metric, Estimate())) for metric in METRICS},
            "Overall": points(measures.get("overall", Estimate())),
            "regret": points(measures.get("regret", Estimate())),
            "lowest in": cells.get("lowest", "n/a"),
            "× fewer rows": cells.get("fewer_rows", "n/a"),
            "× faster": cells.get("faster", "n/a"),
        }

    units = f"{summary.units}"
    return [
        *(
            row(
                item.title,
                f"{item.units}",
                item.measures,
                lowest=f"{item.lowest}",
                fewer_rows=_whole(item.fewer_rows),
                faster=_whole(item.faster),
            )
            for item in sorted(summary.selectors, key=lambda item: item.measures["regret"].value)
        ),
        row("A layer drawn at random", units, summary.any_layer),
        row("Each unit’s best layer, known afterwards", units, {"overall": summary.best}),
        row("Sample-wise optimum", units, {"overall": summary.optimum}),
    ]


def claims_table(summary: Summary) -> Table:
    """The paper's claims, and what these units say."""
    lga, brute = _lga(summary), next((item for item in summary.selectors if item.selector == BRUTE_FORCE), None)
    name, of = (lga.selector, _of(lga)) if lga else ("lga", "")
    rewrite, rephrase = (
        of + _compared(summary.difference(name, "cma-mlp", metric)) for metric in ("rewrite", "rephrase")
    )
    below = points(lga.measures["below-optimum"]) if lga else "n/a"
    return [
        {"the paper": claim, "here": here}
        for claim, here in (
            ("LGA's layer above CMA's in rewrite, by up to 8.56 points", rewrite),
            ("and in rephrase, by up to 9.16 points", rephrase),
            (
                "LGA 7 to 12 times faster than brute force",
                f"{of}{_whole(lga.faster if lga else None)} times faster than the sweep of all layers on its facts, "
                f"{_whole(lga.fewer_rows if lga else None)} times fewer rows (medians)",
            ),
            (
                "a golden layer comes near each fact's own best",
                f"the best layer of each unit: {points(summary.gap)} points below the sample-wise optimum; "
                f"{lga.title if lga else 'LGA'}'s: {below}",
            ),
            (
                "the proxy's golden layer and the test's are negligibly apart",
                f"the proxy's best layer is the test's in {summary.same_layer} of {count(summary.units, 'unit')} and "
                f"{points(brute.measures['regret']) if brute else 'n/a'} points below it on average",
            ),
        )
    ]


def pairs_table(summary: Summary) -> Table:
    """Two selectors at a time on the same facts, Overall."""
    titles = {item.selector: item.title for item in summary.selectors}
    return [
        {"Overall": f"{titles[item.first]} less {titles[item.second]}", "points": _compared(item)}
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
            "lowest in": f"{held_out[item.selector].lowest}",
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
            "picked on": f"{source}: layer {_whole(layer)}",
            **{target: regret(row, column) for column, target in enumerate(carried.targets)},
        }
        for row, (source, layer) in enumerate(zip(carried.sources, carried.layers, strict=True))
    ]


def stability_table(stabilities: Sequence[Stability]) -> Table:
    """How often fewer proxy facts pick the layer that all of them pick, and the mean regret of what they pick."""
    sizes = sorted({size for item in stabilities for size in item.sizes})
    return [{"proxy facts": f"{size}", **{item.title: _firmness(item, size) for item in stabilities}} for size in sizes]


def recommendation(summary: Summary) -> str:
    """Which selector these units speak for, by name, with LGA beside it."""
    best, lga = summary.recommended, _lga(summary)
    if best is None:
        return "No selector has a pick in every unit."
    text = (
        f"Over {count(summary.units, 'unit')} with {count(summary.facts, 'held-out fact')}, {best.title} loses least "
        f"of what does not sweep all layers: {points(best.measures['regret'])} points below the best layer"
    )
    if best.faster is not None:
        text += f", {best.faster:,.0f} times faster than the sweep"
    if lga is not None and lga is not best:
        text += f". {lga.title}: {points(lga.measures['regret'])} points"
    return f"{text}. A layer drawn at random: {points(summary.any_layer['regret'])} points."


def unit_title(unit: StudyUnit) -> str:
    """What a unit is, when and on what it was measured."""
    origin = unit.provenance
    return f"{unit_name(unit)} · n {len(unit.test.records)} test facts · {origin.created[:10]} · {origin.machine}"


def unit_name(unit: StudyUnit) -> str:
    """Short, for a list."""
    return f"{unit.model} · {unit.title} · {unit.editor}"


def markdown(table: Sequence[Mapping[str, str]]) -> str:
    """A Markdown table of rows with the same columns."""
    columns = list(table[0])
    lines = [columns, ["---"] * len(columns), *([row[name] for name in columns] for row in table)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _lga(summary: Summary) -> Across | None:
    """LGA as it is by default; where these units were measured before that, with the loss of the answer."""
    by_name = {item.selector: item for item in summary.selectors}
    return by_name.get("lga") or by_name.get("lga-answer")


def _of(lga: Across) -> str:
    """Says which LGA a claim is checked with, where it is not the default one."""
    return "" if lga.selector == "lga" else f"{lga.title}: "


def _compared(difference: Difference) -> str:
    if difference.mean.value is None:
        return "n/a: no unit has both picks"
    return (
        f"{points(difference.mean)} points on average over {count(difference.units, 'unit')}, "
        f"{difference.least:.1f} to {difference.most:.1f}; above in {difference.above}, below in {difference.below}"
    )


def _firmness(item: Stability, size: int) -> str:
    if size not in item.sizes:
        return "n/a"
    place = item.sizes.index(size)
    share, regret = _finite(item.share[place]), _finite(item.regret[place])
    if share is None or regret is None:
        return "no pick"
    return f"{100 * share:.0f} %, regret {regret:.1f}"


def _finite(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)


def _one(estimate: Estimate) -> str:
    return "n/a" if estimate.value is None else f"{estimate.value:.1f} ({estimate.n})"


def _with_n(value: float | None, n: int) -> str:
    return _one(Estimate(value=value, n=n))


def _cost(own: str, times: float | None) -> str:
    return own if times is None else f"{own} ({times:,.0f} ×)"


def _seconds(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.1f}" if value < 10 else f"{value:,.0f}"


def _between(row: Mapping[str, Any], name: str) -> str:
    return points(Estimate(value=row[name], low=row[f"{name}_low"], high=row[f"{name}_high"]))


def _whole(value: float | None) -> str:
    return "n/a" if value is None else f"{value:,.0f}"
