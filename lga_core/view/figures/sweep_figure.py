"""The figure of a sweep: metrics by layer with every pick marked, and facts × layers of Overall over LGA's heatmap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from lga_core.errors import LgaError
from lga_core.results import LayerScores, Pick, Sweep
from lga_core.view.figures import sweep_curves
from lga_core.view.figures.parts.cells import empty_cells, heatmap, overlay, value_or_none
from lga_core.view.figures.parts.fact_rows import GAP, fact_ticks, panel_height, shown_labels
from lga_core.view.figures.parts.ruler import (
    TRACK_HEIGHT,
    Track,
    label_margin,
    layer_axis,
    outline,
    runs,
    track_axis,
    tracks_panel,
)
from lga_core.view.figures.parts.scales import Scale, Shades, signed_shades
from lga_core.view.figures.parts.style import (
    Theme,
    ThemeName,
    axis,
    axis_title,
    colorbar,
    colorscale,
    heading,
    new_figure,
    stack,
    theme,
)
from lga_core.view.figures.sweep_curves import Mark
from lga_core.view.words.names import method_title
from lga_core.view.words.text import count, number, wrap

CURVES_HEIGHT = 190.0  # px


@dataclass(frozen=True, kw_only=True)
class _SweepScene:
    sweep: Sweep
    lga: LayerScores | None
    layers: int  # of the model; the sweep may have fewer
    labels: Mapping[int, str]
    golden: int | None  # LGA's pick
    marks: list[Mark]
    tracks: list[Track]
    look: Theme

    @property
    def facts(self) -> list[str]:
        return [self.labels.get(record, f"record {record}") for record in self.sweep.records]


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
    marks = sweep_curves.marked(picks, best, look)
    tracks = [mark.track() for mark in marks]
    if chosen:
        tracks.append(Track(name="chosen", layers=sorted(chosen), color=look.ink, symbol="square-open", labelled=True))
    scene = _SweepScene(
        sweep=sweep,
        lga=lga,
        layers=layers,
        labels=labels,
        marks=marks,
        tracks=tracks,
        look=look,
        golden=next((pick.own_layer for pick in picks if pick.selector == "lga"), None),
    )
    panel = panel_height(len(sweep.records))
    heights = [TRACK_HEIGHT * len(tracks)] * bool(tracks) + [CURVES_HEIGHT, panel] + [panel] * (lga is not None)
    gaps = [10.0 + 22.0] * bool(tracks) + [GAP] * (len(heights) - 1)
    total, domains = stack(heights, gaps)
    figure = new_figure(look, height=total, left=_left_margin(scene), top=28, bottom=40)
    if tracks:
        _add_tracks(figure, scene, domains.pop(0))
    _add_curves(figure, scene, domains[0])
    _add_overall(figure, scene, domains[1], panel)
    if lga is not None:
        _add_lga(figure, scene, lga, scale, domains[2], panel)
    last = 3 + (lga is not None)
    figure.update_layout({f"xaxis{last}": {"title": axis_title(look, "layer")}})
    _add_outlines(figure, scene, chosen, range(2, last + 1))
    return figure


def _left_margin(scene: _SweepScene) -> int:
    return label_margin([*shown_labels(scene.facts), *(track.name for track in scene.tracks)], size=10.5, least=64)


def _add_tracks(figure: go.Figure, scene: _SweepScene, domain: tuple[float, float]) -> None:
    figure.add_traces(tracks_panel(scene.tracks, scene.layers, xaxis="x", yaxis="y"))
    figure.update_layout(
        xaxis=_ruler(scene, anchor="y", side="top"), yaxis=track_axis(scene.tracks, scene.look, domain, anchor="x")
    )


def _ruler(scene: _SweepScene, **settings) -> dict:
    marked = [layer for track in scene.tracks if track.labelled for layer in track.layers]
    return layer_axis(scene.look, scene.layers, golden=scene.golden, marked=marked, **settings)


def _shared_ruler(scene: _SweepScene, anchor: str) -> dict:
    """A panel's layer ruler, which moves with the topmost one."""
    topmost = {"matches": "x"} if scene.tracks else {"matches": "x2"} if anchor != "y2" else {}
    return _ruler(scene, anchor=anchor, **topmost)


def _add_curves(figure: go.Figure, scene: _SweepScene, domain: tuple[float, float]) -> None:
    sweep, look, refs = scene.sweep, scene.look, {"xaxis": "x2", "yaxis": "y2"}
    figure.add_traces(sweep_curves.curves(sweep, look, **refs))
    figure.add_traces(sweep_curves.points(scene.marks, sweep, look, **refs))
    figure.add_trace(sweep_curves.targets(sweep, scene.marks, look, xaxis="x2", yaxis="y9"))
    figure.update_layout(
        xaxis2=_shared_ruler(scene, "y2"),
        yaxis2=sweep_curves.percent_axis(sweep, look, domain, anchor="x2"),
        yaxis9=axis(look, range=[0, 1], anchor="x2", overlaying="y2", visible=False),
    )
    figure.add_annotation(
        heading(
            look,
            "After the edit",
            sweep_curves.legend(sweep, look) + f" · mean over facts, teacher-forced{_band_note(sweep)}",
            domain[1],
        )
    )


def _band_note(sweep: Sweep) -> str:
    return ", 95 % band" if len(sweep.records) > 1 else ""


def _add_overall(figure: go.Figure, scene: _SweepScene, domain: tuple[float, float], height: float) -> None:
    sweep, look = scene.sweep, scene.look
    values = _widened(sweep, scene.layers)
    shades = Shades(
        z=values,
        zmin=0.0,
        zmax=100.0,
        tickvals=[0.0, 50.0, 100.0],
        ticktext=["0", "50", "100"],
        colorscale=colorscale((look.neutral, look.diverging[2], look.negative, look.diverging[0])),
    )
    measured = int((sweep.measured == 1).sum())
    got = "" if sweep.complete else f" · {measured:,} of {count(sweep.measured.size, 'edit')} so far"
    _add_cells(
        figure,
        scene,
        3,
        domain,
        height,
        values,
        shades,
        "Overall",
        f"percent, mean of {_listed(sweep.has)}{got}" if sweep.has else f"percent{got}",
        [_about_edit(scene, row) for row in range(len(sweep.records))],
        "Overall %{customdata[3]} %",
    )


def _listed(metrics: Sequence[str]) -> str:
    return metrics[0] if len(metrics) == 1 else f"{', '.join(metrics[:-1])} and {metrics[-1]}"


def _widened(sweep: Sweep, layers: int) -> np.ndarray:
    """Overall as (facts, layers of the model); NaN at layers that are not swept."""
    values = np.full((len(sweep.records), layers), np.nan)
    values[:, list(sweep.layers)] = sweep.overall
    return values


def _about_edit(scene: _SweepScene, row: int) -> list[str]:
    """For each layer of the model, what the edit of one fact did there: metrics before and after."""
    sweep, column = scene.sweep, {layer: index for index, layer in enumerate(scene.sweep.layers)}
    texts = []
    for layer in range(scene.layers):
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


def _add_lga(
    figure: go.Figure, scene: _SweepScene, lga: LayerScores, scale: Scale, domain: tuple[float, float], height: float
) -> None:
    place = {row.record: index for index, row in enumerate(lga.rows)}
    values = np.full((len(scene.sweep.records), scene.layers), np.nan)
    for index, record in enumerate(scene.sweep.records):
        if record in place:
            values[index] = lga.per_fact[place[record]]
    shades = signed_shades(values, scale, scene.look)
    about = [_about_score(lga, place.get(record)) for record in scene.sweep.records]
    title = method_title(lga.method)
    _add_cells(
        figure,
        scene,
        4,
        domain,
        height,
        values,
        shades,
        title,
        f"gradient product, the same facts · {scale}",
        [[text] * scene.layers for text in about],
        f"{title} %{{customdata[3]}}",
    )


def _about_score(lga: LayerScores, index: int | None) -> str:
    if index is None:
        return "not scored"
    row = lga.rows[index]
    return "" if row.used else f"not used: {wrap(row.status)}"


def _add_cells(
    figure: go.Figure,
    scene: _SweepScene,
    row: int,
    domain: tuple[float, float],
    height: float,
    values: np.ndarray,
    shades: Shades,
    title: str,
    note: str,
    about: Sequence[Sequence[str]],
    told: str,
) -> None:
    """One facts × layers panel with its grey cells, hover, clicks, labels and heading."""
    look = scene.look
    refs: dict[str, Any] = {"xaxis": f"x{row}", "yaxis": f"y{row}"}
    figure.add_trace(heatmap(shades, colorbar(domain, height, *_bar_ticks(shades, height), look), **refs))
    if (empty := empty_cells(values, look, **refs)) is not None:
        figure.add_trace(empty)
    points = [(layer, fact) for fact in range(len(scene.sweep.records)) for layer in range(scene.layers)]
    text = [
        "<br>".join(filter(None, (f"<b>{wrap(scene.facts[fact])}</b>", f"layer {layer}", about[fact][layer])))
        for layer, fact in points
    ]
    customdata = [
        [layer, scene.sweep.records[fact], value_or_none(values[fact, layer]), number(values[fact, layer])]
        for layer, fact in points
    ]
    figure.add_trace(overlay(points, customdata, text, look, template=f"%{{text}}<br>{told}", **refs))
    figure.add_annotation(heading(look, title, note, domain[1]))
    figure.update_layout(
        {
            f"xaxis{row}": _shared_ruler(scene, f"y{row}"),
            f"yaxis{row}": axis(
                look,
                domain=domain,
                anchor=f"x{row}",
                range=[len(scene.facts) - 0.5, -0.5],
                **fact_ticks(scene.facts, look),
            ),
        }
    )


def _bar_ticks(shades: Shades, height: float) -> tuple[list[float], list[str]]:
    """A short colour bar has room for its ends only."""
    if height >= 60:
        return shades.tickvals, shades.ticktext
    return [shades.tickvals[0], shades.tickvals[-1]], [shades.ticktext[0], shades.ticktext[-1]]


def _add_outlines(figure: go.Figure, scene: _SweepScene, chosen: Sequence[int], panels: Sequence[int]) -> None:
    """Chosen layers dashed, LGA's golden layer over them in gold, through every panel."""
    outlines = [(first, last, scene.look.ink, 1.0, "dot") for first, last in runs(chosen)]
    if scene.golden is not None:
        outlines.append((scene.golden, scene.golden, scene.look.gold, 1.75, "solid"))
    for first, last, color, width, dash in outlines:
        for row in panels:
            figure.add_shape(outline(first, last, color, f"x{row}", f"y{row}", width=width, dash=dash))
