"""The main figure: one score's facts × layers over the other's, over both per layer, on one layer axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from lga_core.errors import LgaError
from lga_core.results import LayerScores
from lga_core.view.figures import layer_panel
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
from lga_core.view.figures.parts.scales import Scale, effect_shades, signed_shades
from lga_core.view.figures.parts.style import (
    Theme,
    ThemeName,
    axis,
    axis_title,
    colorbar,
    heading,
    new_figure,
    stack,
    theme,
)
from lga_core.view.words.names import method_kind, method_title
from lga_core.view.words.text import count, escape, number, shorten, wrap

TOTALS_HEIGHT = 150.0  # px
_UNITS = {
    "lga": "gradient product",
    "cma-mlp": "indirect effect at the last subject token",
    "cma-hidden": "indirect effect at the last subject token",
    "cma-attn": "indirect effect at the last subject token",
}


@dataclass(frozen=True, kw_only=True)
class _Scene:
    lga: LayerScores | None
    cma: LayerScores | None
    labels: Mapping[int, str]
    scale: Scale
    look: Theme
    layers: int
    tracks: list[Track]

    @property
    def scores(self) -> list[LayerScores]:
        return [scores for scores in (self.lga, self.cma) if scores is not None]


def layer_heatmaps(
    lga: LayerScores | None,
    cma: LayerScores | None,
    *,
    labels: Mapping[int, str],
    scale: Scale = "symmetric log",
    chosen: Sequence[int] = (),
    published: Mapping[str, Sequence[int]] | None = None,
    theme_name: ThemeName = "light",
) -> go.Figure:
    """The figure of the golden-layers page.

    `lga` is a signed score, `cma` an effect; either may be None, not both (LgaError). `labels` maps a record to its
    fact in words, untrusted text; `published` a source's name to the layers it publishes. Cells, layers and marks
    can be clicked: `customdata` is [layer, record or None, raw value or None].
    """
    present = [scores for scores in (lga, cma) if scores is not None]
    if not present:
        raise LgaError("There is no score to draw.", hint="Score the layers first.")
    if len({scores.layers for scores in present}) > 1:
        raise LgaError("The two scores are of models with different numbers of layers.", hint="Score one model.")
    tracks = _tracks(lga, cma, chosen, published or {}, theme(theme_name))
    scene = _Scene(
        lga=lga, cma=cma, labels=labels, scale=scale, look=theme(theme_name), layers=present[0].layers, tracks=tracks
    )
    heights = [TRACK_HEIGHT * len(tracks)] * bool(tracks)
    gaps = [10.0 + 22.0] * bool(tracks)
    heights += [panel_height(len(scores.rows)) for scores in present] + [TOTALS_HEIGHT]
    gaps += [GAP] * len(present)
    total, domains = stack(heights, gaps)
    figure = new_figure(scene.look, height=total, left=_left_margin(scene), top=28, bottom=40)
    if tracks:
        _add_tracks(figure, scene, domains.pop(0))
        heights.pop(0)
    for row, scores in enumerate(present, start=2):
        _add_heatmap(figure, scene, scores, row, domains[row - 2], heights[row - 2])
    _add_totals(figure, scene, domains[-1])
    _add_outlines(figure, scene, chosen, panels=range(2, 3 + len(present)))
    return figure


def _tracks(
    lga: LayerScores | None,
    cma: LayerScores | None,
    chosen: Sequence[int],
    published: Mapping[str, Sequence[int]],
    look: Theme,
) -> list[Track]:
    tracks = []
    if lga is not None and lga.selection.golden_layers:
        tracks.append(
            Track(
                name=f"{method_title(lga.method)} golden",
                layers=lga.selection.golden_layers,
                color=look.gold,
                first=lga.selection.golden_layer,
            )
        )
    if cma is not None and cma.selection.golden_layer is not None:
        tracks.append(
            Track(
                name=f"{method_title(cma.method)} pick",
                layers=[cma.selection.golden_layer],
                color=look.kind(method_kind(cma.method)),
                symbol="circle",
                labelled=True,
            )
        )
    if chosen:
        tracks.append(Track(name="chosen", layers=sorted(chosen), color=look.ink, symbol="square", labelled=True))
    tracks += [
        Track(name=f"published, {name}", layers=sorted(layers), color=look.muted, symbol="line-ns")
        for name, layers in published.items()
        if layers
    ]
    return tracks


def _left_margin(scene: _Scene) -> int:
    facts = [label for scores in scene.scores for label in shown_labels(_facts(scene, scores))]
    return label_margin([*facts, *(track.name for track in scene.tracks)], size=10.5, least=64)


def _add_tracks(figure: go.Figure, scene: _Scene, domain: tuple[float, float]) -> None:
    figure.add_traces(tracks_panel(scene.tracks, scene.layers, xaxis="x", yaxis="y"))
    figure.update_layout(
        xaxis=_ruler(scene, anchor="y", side="top"),
        yaxis=track_axis(scene.tracks, scene.look, domain, anchor="x"),
    )


def _add_heatmap(
    figure: go.Figure, scene: _Scene, scores: LayerScores, row: int, domain: tuple[float, float], height: float
) -> None:
    look, signed = scene.look, scores is scene.lga
    shades = (
        signed_shades(scores.per_fact, scene.scale, look)
        if signed
        else effect_shades(scores.per_fact, scene.scale, method_kind(scores.method), look)
    )
    refs = {"xaxis": f"x{row}", "yaxis": f"y{row}"}
    tickvals, ticktext = shades.tickvals, shades.ticktext
    if height < 60:  # a short bar has room for its ends only
        tickvals, ticktext = [tickvals[0], tickvals[-1]], [ticktext[0], ticktext[-1]]
    figure.add_trace(heatmap(shades, colorbar(domain, height, tickvals, ticktext, look), **refs))
    if (empty := empty_cells(scores.per_fact, look, **refs)) is not None:
        figure.add_trace(empty)
    figure.add_trace(_cells(scene, scores, **refs))
    used = f"{scores.n_facts} of {count(len(scores.rows), 'fact')}"
    note = f"{_UNITS.get(scores.method, 'score')} · {used} · {scene.scale}"
    figure.add_annotation(heading(look, method_title(scores.method), note, domain[1]))
    figure.update_layout(
        {
            f"xaxis{row}": _shared_ruler(scene, f"y{row}"),
            f"yaxis{row}": axis(
                look,
                domain=domain,
                anchor=f"x{row}",
                range=[len(scores.rows) - 0.5, -0.5],
                **fact_ticks(_facts(scene, scores), look),
            ),
        }
    )


def _facts(scene: _Scene, scores: LayerScores) -> list[str]:
    return [scene.labels.get(row.record, f"record {row.record}") for row in scores.rows]


def _cells(scene: _Scene, scores: LayerScores, *, xaxis: str, yaxis: str) -> go.Scatter:
    points, customdata, text = [], [], []
    for index, (row, values) in enumerate(zip(scores.rows, scores.per_fact, strict=True)):
        about = f"<b>{wrap(scene.labels.get(row.record, f'record {row.record}'))}</b>"
        if row.old_answer:
            known = {True: ", known", False: ", not known", None: ""}[row.known]
            about += f"<br>old answer {escape(shorten(row.old_answer, 40))}{known}"
        if not row.used:
            about += f"<br>not used: {escape(row.status)}"
        for layer, value in enumerate(values):
            points.append((layer, index))
            customdata.append([layer, row.record, value_or_none(value), number(value)])
            text.append(about)
    template = f"%{{text}}<br>layer %{{customdata[0]}} · {method_title(scores.method)} %{{customdata[3]}}"
    return overlay(points, customdata, text, scene.look, template=template, xaxis=xaxis, yaxis=yaxis)


def _ruler(scene: _Scene, **settings) -> dict:
    golden = scene.lga.selection.golden_layer if scene.lga is not None else None
    marked = [layer for track in scene.tracks if track.labelled for layer in track.layers]
    return layer_axis(scene.look, scene.layers, golden=golden, marked=marked, **settings)


def _shared_ruler(scene: _Scene, anchor: str, **settings) -> dict:
    """A panel's layer ruler, which moves with the topmost one."""
    topmost = {"matches": "x"} if scene.tracks else {"matches": "x2"} if anchor != "y2" else {}
    return _ruler(scene, anchor=anchor, **topmost, **settings)


def _add_totals(figure: go.Figure, scene: _Scene, domain: tuple[float, float]) -> None:
    look, row = scene.look, 2 + len(scene.scores)
    x, y = f"x{row}", f"y{row}"
    if scene.lga is not None:
        figure.add_trace(layer_panel.bars(scene.lga, scene.scale, look, xaxis=x, yaxis=y))
        figure.update_layout(shapes=layer_panel.fences(scene.lga, scene.scale, look, xref=x, yref=y))
        figure.update_layout({f"yaxis{row}": layer_panel.total_axis(scene.lga, scene.scale, look, domain, anchor=x)})
    if scene.cma is not None:
        alone = scene.lga is None  # an axis may only lie over one that has a trace
        figure.add_traces(layer_panel.line(scene.cma, look, xaxis=x, yaxis=y if alone else "y8"))
        figure.update_layout(
            {
                f"yaxis{row}" if alone else "yaxis8": layer_panel.effect_axis(
                    scene.cma, look, domain, anchor=x, side="right", **({} if alone else {"overlaying": y})
                )
            }
        )
    figure.add_trace(layer_panel.targets(scene.lga, scene.cma, look, xaxis=x, yaxis="y9"))
    figure.update_layout(yaxis9=axis(look, range=[0, 1], anchor=x, overlaying=y, visible=False))
    figure.update_layout({f"xaxis{row}": _shared_ruler(scene, y, title=axis_title(look, "layer"))})
    note = layer_panel.axis_note(scene.lga, scene.cma, scene.scale)
    figure.add_annotation(heading(look, "Per layer", note, domain[1]))


def _add_outlines(figure: go.Figure, scene: _Scene, chosen: Sequence[int], panels: Sequence[int]) -> None:
    """Chosen layers dashed, the golden layer over them in gold, through every panel and never over a label."""
    marks = [(first, last, scene.look.ink, 1.0, "dot") for first, last in runs(chosen)]
    if scene.lga is not None and scene.lga.selection.golden_layer is not None:
        golden = scene.lga.selection.golden_layer
        marks.append((golden, golden, scene.look.gold, 1.75, "solid"))
    for first, last, color, width, dash in marks:
        for row in panels:
            figure.add_shape(outline(first, last, color, f"x{row}", f"y{row}", width=width, dash=dash))
