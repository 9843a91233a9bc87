"""One fact edited at every layer: its metrics by layer over what the methods score for it, on one layer axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from lga_core.errors import LgaError
from lga_core.results import LayerScores, Sweep
from lga_core.view.figures.parts.fact_rows import GAP
from lga_core.view.figures.parts.ruler import (
    TRACK_HEIGHT,
    Track,
    label_margin,
    layer_axis,
    outline,
    track_axis,
    tracks_panel,
)
from lga_core.view.figures.parts.scales import Scale
from lga_core.view.figures.parts.style import (
    Theme,
    ThemeName,
    axis,
    axis_title,
    heading,
    new_figure,
    stack,
    theme,
)
from lga_core.view.figures.scores import layer_panel
from lga_core.view.figures.sweep import sweep_curves
from lga_core.view.words.names import method_title
from lga_core.view.words.scores.options import loss_note

CURVES_HEIGHT = 200.0  # px
SCORE_HEIGHT = 84.0  # px
_NOTES = {
    "lga": "gradient product of this fact",
    "cma-mlp": "indirect effect at the last subject token",
    "forecast": "expected gain, as a rank",
}


@dataclass(frozen=True, kw_only=True)
class _Scene:
    sweep: Sweep
    layers: int
    golden: int | None
    tracks: list[Track]
    look: Theme

    def ruler(self, anchor: str, **settings: Any) -> dict:
        """A panel's layer ruler, which moves with the topmost one."""
        marked = [layer for track in self.tracks for layer in track.layers]
        topmost: dict[str, Any] = {} if anchor == "y" else {"matches": "x"}
        return layer_axis(
            self.look, self.layers, golden=self.golden, marked=marked, anchor=anchor, **topmost, **settings
        )


def every_layer_figure(
    sweep: Sweep,
    scores: Mapping[str, LayerScores],
    *,
    layers: int,
    best: int | None = None,
    golden: int | None = None,
    chosen: Sequence[int] = (),
    scale: Scale = "symmetric log",
    theme_name: ThemeName = "light",
) -> go.Figure:
    """Rewrite, rephrase, locality, portability and Overall after the edit, by layer; a panel a score under them.

    `sweep` is of one fact, complete or as far as it got; `scores` are of that fact, by method. `best` is the layer
    with the highest Overall, `golden` the pick of the last scores; both and `chosen` are marked. Layers can be
    clicked: `customdata` is [layer, None, raw value or None]. Raises LgaError for a sweep of several facts.
    """
    if len(sweep.records) != 1:
        raise LgaError("This figure is of one fact.", hint="Draw a sweep of several facts with the sweep's figure.")
    look = theme(theme_name)
    shown = {method: item for method, item in scores.items() if item.n_facts}
    scene = _Scene(sweep=sweep, layers=layers, golden=golden, tracks=_tracks(best, golden, chosen, look), look=look)
    heights = [TRACK_HEIGHT * max(len(scene.tracks), 1), CURVES_HEIGHT, *([SCORE_HEIGHT] * len(shown))]
    total, domains = stack(heights, [32.0] + [GAP] * (len(heights) - 1))
    left = label_margin([track.name for track in scene.tracks], size=10.5, least=64)
    figure = new_figure(look, height=total, left=left, top=28, bottom=40)
    figure.add_traces(tracks_panel(scene.tracks, layers, xaxis="x", yaxis="y"))
    figure.update_layout(
        xaxis=scene.ruler("y", side="top"), yaxis=track_axis(scene.tracks, look, domains[0], anchor="x")
    )
    _add_curves(figure, scene, domains[1])
    for row, item in enumerate(shown.values(), start=3):
        _add_score(figure, scene, item, scale, row, domains[row - 1])
    last = 2 + len(shown)
    figure.update_layout({f"xaxis{last}": {"title": axis_title(look, "layer")}})
    if golden is not None:
        for row in range(2, last + 1):
            figure.add_shape(outline(golden, golden, look.gold, f"x{row}", f"y{row}", width=1.75))
    return figure


def _tracks(best: int | None, golden: int | None, chosen: Sequence[int], look: Theme) -> list[Track]:
    tracks = []
    if golden is not None:
        tracks.append(Track(name="golden layer", layers=[golden], color=look.gold, labelled=True))
    if best is not None:
        tracks.append(Track(name="best for this fact", layers=[best], color=look.ink, symbol="star", labelled=True))
    if chosen:
        tracks.append(Track(name="chosen", layers=sorted(chosen), color=look.ink, symbol="square", labelled=True))
    return tracks


def _add_curves(figure: go.Figure, scene: _Scene, domain: tuple[float, float]) -> None:
    sweep, look = scene.sweep, scene.look
    figure.add_traces(sweep_curves.curves(sweep, look, xaxis="x2", yaxis="y2"))
    figure.add_trace(sweep_curves.targets(sweep, [], look, xaxis="x2", yaxis="y9"))
    figure.update_layout(
        xaxis2=scene.ruler("y2"),
        yaxis2=sweep_curves.percent_axis(sweep, look, domain, anchor="x2"),
        yaxis9=axis(look, range=[0, 1], anchor="x2", overlaying="y2", visible=False),
    )
    note = f"{sweep_curves.legend(sweep, look)} · this fact, teacher-forced"
    figure.add_annotation(heading(look, "After the edit", note, domain[1]))


def _add_score(
    figure: go.Figure, scene: _Scene, item: LayerScores, scale: Scale, row: int, domain: tuple[float, float]
) -> None:
    look = scene.look
    x, y = f"x{row}", f"y{row}"
    hidden = f"y{row + 10}"
    lga = item if item.method == "lga" else None
    if lga is not None:
        figure.add_trace(layer_panel.bars(lga, scale, look, xaxis=x, yaxis=y))
        ruler = layer_panel.total_axis(lga, scale, look, domain, anchor=x)
    else:
        figure.add_traces(layer_panel.line(item, look, xaxis=x, yaxis=y))
        ruler = layer_panel.effect_axis(item, look, domain, anchor=x)
    figure.add_trace(layer_panel.targets(lga, None if lga else item, look, xaxis=x, yaxis=hidden))
    figure.update_layout(
        {
            f"xaxis{row}": scene.ruler(y),
            f"yaxis{row}": ruler,
            f"yaxis{row + 10}": axis(look, range=[0, 1], anchor=x, overlaying=y, visible=False),
        }
    )
    note = " · ".join(filter(None, (_NOTES.get(item.method, ""), loss_note(item.settings))))
    figure.add_annotation(heading(look, method_title(item.method), note, domain[1]))
