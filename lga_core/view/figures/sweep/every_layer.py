"""One fact edited at every layer: its metrics by layer over what the methods score for it, on one layer axis."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from lga_core.errors import LgaError
from lga_core.results import LayerScores, Sweep
from lga_core.view.figures.parts.panels import Domain, LayerPanels
from lga_core.view.figures.parts.ruler import Track, add_outlines
from lga_core.view.figures.parts.scales import Scale
from lga_core.view.figures.parts.style import Theme, ThemeName, axis_title, heading, theme
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
    clicked: `customdata` is [layer, None, None]. Raises LgaError for a sweep of several facts.
    """
    if len(sweep.records) != 1:
        raise LgaError("This figure is of one fact.", hint="Draw a sweep of several facts with the sweep's figure.")
    look = theme(theme_name)
    shown = [item for item in scores.values() if item.n_facts]
    tracks = _tracks(best, golden, chosen, look)
    panels = LayerPanels(look=look, layers=layers, tracks=tracks, golden=golden)
    figure, domains = panels.figure([CURVES_HEIGHT, *[SCORE_HEIGHT] * len(shown)])
    sweep_curves.add_panel(figure, panels, sweep, [], domains[0], "this fact, teacher-forced")
    for panel, (item, domain) in enumerate(zip(shown, domains[1:], strict=True), start=3):
        _add_score(figure, panels, panel, domain, item, scale)
    last = 2 + len(shown)
    figure.update_layout({f"xaxis{last}": {"title": axis_title(look, "layer")}})
    add_outlines(figure, look, (), golden, range(2, last + 1))
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


def _add_score(
    figure: go.Figure, panels: LayerPanels, panel: int, domain: Domain, item: LayerScores, scale: Scale
) -> None:
    look, x, y = panels.look, f"x{panel}", f"y{panel}"
    if item.method == "lga":
        figure.add_trace(layer_panel.bars(item, scale, look, xaxis=x, yaxis=y))
        ruler = layer_panel.total_axis(item, scale, look, domain, anchor=x)
    else:
        figure.add_traces(layer_panel.line(item, look, xaxis=x, yaxis=y))
        ruler = layer_panel.effect_axis(item, look, domain, anchor=x)
    every = range(panels.layers)
    panels.add_columns(figure, panel, every, [layer_panel.hover_text(layer, item, None) for layer in every])
    figure.update_layout({f"xaxis{panel}": panels.ruler(panel), f"yaxis{panel}": ruler})
    note = " · ".join(filter(None, (_NOTES.get(item.method, ""), loss_note(item.settings))))
    figure.add_annotation(heading(look, method_title(item.method), note, domain[1]))
