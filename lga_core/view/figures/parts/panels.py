"""Panels over one layer axis: tracks of marks on top, facts × layers below them, outlines through all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

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
from lga_core.view.figures.parts.scales import Shades, ticks_with_room
from lga_core.view.figures.parts.style import Theme, axis, colorbar, heading, new_figure, stack
from lga_core.view.words.text import number

TRACKS_GAP = 32.0  # px: the ruler between the tracks and the first panel

Domain = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class FactCells:
    """A facts × layers panel; `values` and `text` have one entry a cell."""

    facts: Sequence[str]  # in words, untrusted
    records: Sequence[int]
    values: np.ndarray  # (facts, layers)
    shades: Shades
    text: Sequence[Sequence[str]]  # the hover box, escaped
    template: str  # what follows it, with customdata [layer, record, value or None, value in words]
    title: str
    note: str


@dataclass(frozen=True, kw_only=True)
class LayerPanels:
    """What the panels of a figure share. The tracks' axes are x and y, those of panel n below them xn and yn, n > 1."""

    look: Theme
    layers: int
    tracks: Sequence[Track]
    golden: int | None

    def figure(self, heights: Sequence[float], *facts: Sequence[str]) -> tuple[go.Figure, list[Domain]]:
        """A figure with the tracks and room for panels of these heights in px, and each one's domain.

        `facts`: those of each facts × layers panel, whose labels will stand at the left.
        """
        tracked = bool(self.tracks)
        total, domains = stack(
            [TRACK_HEIGHT * len(self.tracks)] * tracked + [*heights], [TRACKS_GAP] * tracked + [GAP] * len(heights)
        )
        labels = [label for of_panel in facts for label in shown_labels(of_panel)]
        names = [*labels, *(track.name for track in self.tracks)]
        figure = new_figure(self.look, height=total, left=label_margin(names, size=10.5, least=64), top=28, bottom=40)
        if tracked:
            figure.add_traces(tracks_panel(self.tracks, self.layers, xaxis="x", yaxis="y"))
            figure.update_layout(
                xaxis=self._ruler(anchor="y", side="top"),
                yaxis=track_axis(self.tracks, self.look, domains.pop(0), anchor="x"),
            )
        return figure, domains

    def ruler(self, panel: int, **settings) -> dict:
        """A panel's layer ruler, which moves with the topmost one."""
        topmost = {"matches": "x"} if self.tracks else {"matches": "x2"} if panel > 2 else {}
        return self._ruler(anchor=f"y{panel}", **topmost, **settings)

    def add_facts(self, figure: go.Figure, panel: int, domain: Domain, cells: FactCells) -> None:
        """Coloured and grey cells with hover and clicks, the facts' labels and a heading."""
        look, shades = self.look, cells.shades
        xaxis, yaxis = f"x{panel}", f"y{panel}"
        height = panel_height(len(cells.facts))
        bar = colorbar(domain, height, *ticks_with_room(shades, height), look)
        figure.add_trace(heatmap(shades, bar, xaxis=xaxis, yaxis=yaxis))
        if (empty := empty_cells(cells.values, look, xaxis=xaxis, yaxis=yaxis)) is not None:
            figure.add_trace(empty)
        points = [(layer, fact) for fact in range(len(cells.facts)) for layer in range(self.layers)]
        customdata = [
            [layer, cells.records[fact], value_or_none(value := cells.values[fact, layer]), number(value)]
            for layer, fact in points
        ]
        text = [cells.text[fact][layer] for layer, fact in points]
        template = f"%{{text}}<br>{cells.template}"
        figure.add_trace(overlay(points, customdata, text, look, template=template, xaxis=xaxis, yaxis=yaxis))
        figure.add_annotation(heading(look, cells.title, cells.note, domain[1]))
        rows = axis(
            look, domain=domain, anchor=xaxis, range=[len(cells.facts) - 0.5, -0.5], **fact_ticks(cells.facts, look)
        )
        figure.update_layout({f"xaxis{panel}": self.ruler(panel), f"yaxis{panel}": rows})

    def add_outlines(self, figure: go.Figure, chosen: Sequence[int], panels: Sequence[int]) -> None:
        """Chosen layers dashed, the golden layer over them in gold, through every panel and never over a label."""
        marks = [(first, last, self.look.ink, 1.0, "dot") for first, last in runs(chosen)]
        if self.golden is not None:
            marks.append((self.golden, self.golden, self.look.gold, 1.75, "solid"))
        for first, last, color, width, dash in marks:
            for panel in panels:
                figure.add_shape(outline(first, last, color, f"x{panel}", f"y{panel}", width=width, dash=dash))

    def _ruler(self, **settings) -> dict:
        marked = [layer for track in self.tracks if track.labelled for layer in track.layers]
        return layer_axis(self.look, self.layers, golden=self.golden, marked=marked, **settings)


def fact_names(labels: Mapping[int, str], records: Sequence[int]) -> list[str]:
    """The facts in words; by their record where there are none."""
    return [labels.get(record, f"record {record}") for record in records]
