"""The figure of a sweep: metrics by layer with every pick marked, and facts × layers of Overall over LGA's heatmap."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from lga_core.errors import LgaError
from lga_core.results import LayerScores, Pick, Sweep
from lga_core.view.figures.parts.panels import FactCells, LayerPanels, fact_names, panel_height
from lga_core.view.figures.parts.ruler import Track, add_outlines
from lga_core.view.figures.parts.scales import Scale, Shades, signed_shades
from lga_core.view.figures.parts.style import Theme, ThemeName, axis_title, colorscale, theme
from lga_core.view.figures.sweep import sweep_curves
from lga_core.view.words.names import method_title
from lga_core.view.words.text import count, listed, wrap

CURVES_HEIGHT = 190.0  # px


def sweep_figure(
    sweep: Sweep,
    lga: LayerScores | None,
    *,
    layers: int,
    picks: Sequence[Pick],
    labels: Mapping[int, str],
    best: int | None = None,
    scale: Scale = "symmetric log",
    chosen: Sequence[int] = (),
    theme_name: ThemeName = "light",
) -> go.Figure:
    """The figure of the sweep page, complete or as far as the sweep got.

    `layers` is how many the model has; `picks` are marked in their order, then `best`, the sweep's own best layer;
    `labels` maps a record to its fact in words, untrusted text. `lga` has its rows in any order; where it is None
    its panel is left out. Cells, layers and marks can be clicked: `customdata` is [layer, record or None, raw value
    or None]. Raises LgaError for a sweep without facts or one of another model.
    """
    if not sweep.records or not sweep.layers:
        raise LgaError("There is no sweep to draw.", hint="Sweep at least one fact over at least one layer.")
    if max(sweep.layers) >= layers or (lga is not None and lga.layers != layers):
        raise LgaError("Sweep and scores are of models with different numbers of layers.", hint="Use one model.")
    look = theme(theme_name)
    marks = sweep_curves.marks(picks, best, look)
    tracks = [*marks]
    if chosen:
        tracks.append(Track(name="chosen", layers=sorted(chosen), color=look.ink, symbol="square-open", labelled=True))
    golden = next((pick.own_layer for pick in picks if pick.selector == "lga"), None)
    panels = LayerPanels(look=look, layers=layers, tracks=tracks, golden=golden)
    facts = fact_names(labels, sweep.records)
    cells = [_overall_cells(sweep, facts, layers, look)]
    if lga is not None:
        cells.append(_lga_cells(sweep, lga, facts, scale, look))
    figure, domains = panels.figure([CURVES_HEIGHT, *[panel_height(len(facts))] * len(cells)], facts)
    band = ", 95 % band" if len(sweep.records) > 1 else ""
    over = "facts" if sweep.complete else "the facts measured so far"  # others than the best layer's
    sweep_curves.add_panel(figure, panels, sweep, marks, domains[0], f"mean over {over}, teacher-forced{band}")
    for panel, (item, domain) in enumerate(zip(cells, domains[1:], strict=True), start=3):
        panels.add_facts(figure, panel, domain, item)
    last = 2 + len(cells)
    figure.update_layout({f"xaxis{last}": {"title": axis_title(look, "layer")}})
    add_outlines(figure, look, chosen, golden, range(2, last + 1))
    return figure


def _overall_cells(sweep: Sweep, facts: Sequence[str], layers: int, look: Theme) -> FactCells:
    values = np.full((len(sweep.records), layers), np.nan)  # NaN at layers that are not swept
    values[:, list(sweep.layers)] = sweep.overall
    measured = int((sweep.measured == 1).sum())
    so_far = "" if sweep.complete else f" · {measured:,} of {count(sweep.measured.size, 'edit')} so far"
    return FactCells(
        facts=facts,
        records=sweep.records,
        values=values,
        shades=Shades(
            z=values,
            zmin=0.0,
            zmax=100.0,
            tickvals=[0.0, 50.0, 100.0],
            ticktext=["0", "50", "100"],
            colorscale=colorscale((look.neutral, look.diverging[2], look.negative, look.diverging[0])),
        ),
        text=_hover_text(facts, [_about_edit(sweep, row, layers) for row in range(len(facts))]),
        template="Overall %{customdata[3]} %",
        title="Overall",
        note=(f"percent, mean of {listed(sweep.has)}" if sweep.has else "percent") + so_far,
    )


def _about_edit(sweep: Sweep, row: int, layers: int) -> list[str]:
    """For each layer of the model, what the edit of one fact did there: metrics before and after."""
    column = {layer: index for index, layer in enumerate(sweep.layers)}
    texts = []
    for layer in range(layers):
        if layer not in column:
            texts.append("layer not swept")
        elif sweep.measured[row, column[layer]] != 1:
            texts.append("not measured yet")
        else:
            texts.append(
                "<br>".join(
                    _change(sweep, name, row, column[layer])
                    for name in sweep.has
                    if np.isfinite(sweep.after[name][row, column[layer]])
                )
            )
    return texts


def _change(sweep: Sweep, metric: str, row: int, column: int) -> str:
    before, after = sweep.before[metric][row], sweep.after[metric][row, column]
    was = f"{before:.0f} → " if np.isfinite(before) else ""
    return f"{metric} {was}{after:.0f} %, n {sweep.probes[metric][row]:.0f}"


def _lga_cells(sweep: Sweep, lga: LayerScores, facts: Sequence[str], scale: Scale, look: Theme) -> FactCells:
    """LGA's rows in the order of the sweep's facts."""
    place = {row.record: index for index, row in enumerate(lga.rows)}
    values = np.full((len(sweep.records), lga.layers), np.nan)
    for index, record in enumerate(sweep.records):
        if record in place:
            values[index] = lga.per_fact[place[record]]
    about = [_about_score(lga, place.get(record)) for record in sweep.records]
    title = method_title(lga.method)
    return FactCells(
        facts=facts,
        records=sweep.records,
        values=values,
        shades=signed_shades(values, scale, look),
        text=_hover_text(facts, [[words] * lga.layers for words in about]),
        template=f"{title} %{{customdata[3]}}",
        title=title,
        note=f"gradient product, the same facts · {scale}",
    )


def _about_score(lga: LayerScores, index: int | None) -> str:
    if index is None:
        return "not scored"
    row = lga.rows[index]
    return "" if row.used else f"not used: {wrap(row.status)}"


def _hover_text(facts: Sequence[str], about: Sequence[Sequence[str]]) -> list[list[str]]:
    return [
        ["<br>".join(filter(None, (f"<b>{wrap(fact)}</b>", f"layer {n}", words))) for n, words in enumerate(of_fact)]
        for fact, of_fact in zip(facts, about, strict=True)
    ]
