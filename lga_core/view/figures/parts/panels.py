"""Panels over one layer axis: tracks of marks on top, facts × layers below them, outlines through all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from lga_core.view.figures.parts.cells import Domain, add_cells, overlay, value_or_none
from lga_core.view.figures.parts.ruler import (
    TRACK_HEIGHT,
    Track,
    label_margin,
    layer_axis,
    track_axis,
    tracks_panel,
)
from lga_core.view.figures.parts.scales import Shades
from lga_core.view.figures.parts.style import Theme, axis, heading, new_figure, stack
from lga_core.view.words.text import escape, number, shorten

LABELLED_ROWS = 40  # more facts than this and their labels are left to the hover box
GAP = 44.0  # px between panels: tick labels below one, the heading of the next
TRACKS_GAP = 32.0  # px: the ruler between the tracks and the first panel


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
        figure = new_figure(self.look, height=total, left=label_margin(names, size=10.5), top=28, bottom=40)
        if tracked:
            figure.add_traces(tracks_panel(self.tracks, self.layers))
            figure.update_layout(
                xaxis=self._ruler(anchor="y", side="top"),
                yaxis=track_axis(self.tracks, self.look, domains.pop(0)),
            )
        return figure, domains

    def ruler(self, panel: int, **settings) -> dict:
        """A panel's layer ruler, which moves with the topmost one."""
        topmost = {"matches": "x"} if self.tracks else {"matches": "x2"} if panel > 2 else {}
        return self._ruler(anchor=f"y{panel}", **topmost, **settings)

    def add_facts(self, figure: go.Figure, panel: int, domain: Domain, cells: FactCells) -> None:
        """Coloured and grey cells with hover and clicks, the facts' labels and a heading."""
        look = self.look
        add_cells(
            figure,
            cells.values,
            cells.shades,
            [
                [layer, record, value_or_none(value), number(value)]
                for record, values in zip(cells.records, cells.values, strict=True)
                for layer, value in enumerate(values)
            ],
            [text for of_fact in cells.text for text in of_fact],
            look,
            template=f"%{{text}}<br>{cells.template}",
            height=panel_height(len(cells.facts)),
            domain=domain,
            xaxis=f"x{panel}",
            yaxis=f"y{panel}",
        )
        figure.add_annotation(heading(look, cells.title, cells.note, domain[1]))
        rows = axis(
            look,
            domain=domain,
            anchor=f"x{panel}",
            range=[len(cells.facts) - 0.5, -0.5],
            **fact_ticks(cells.facts, look),
        )
        figure.update_layout({f"xaxis{panel}": self.ruler(panel), f"yaxis{panel}": rows})

    def add_columns(self, figure: go.Figure, panel: int, layers: Sequence[int], text: Sequence[str]) -> None:
        """One invisible point a layer at mid height of a hidden axis: the whole column tells its text and clicks."""
        hidden = panel + 10
        figure.add_trace(
            overlay(
                [(layer, 0.5) for layer in layers],
                [[layer, None, None] for layer in layers],
                text,
                self.look,
                template="%{text}",
                xaxis=f"x{panel}",
                yaxis=f"y{hidden}",
            )
        )
        middle = axis(self.look, range=[0, 1], anchor=f"x{panel}", overlaying=f"y{panel}", visible=False)
        figure.update_layout({f"yaxis{hidden}": middle})

    def _ruler(self, **settings) -> dict:
        marked = [layer for track in self.tracks if track.labelled for layer in track.layers]
        return layer_axis(self.look, self.layers, golden=self.golden, marked=marked, **settings)


def fact_names(labels: Mapping[int, str], records: Sequence[int]) -> list[str]:
    """The facts in words; by their record where there are none."""
    return [labels.get(record, f"record {record}") for record in records]


def panel_height(rows: int) -> float:
    """Rows high enough for a label while they have one; beyond that a panel that fits a screen."""
    if rows > LABELLED_ROWS:
        return max(320.0, 2.0 * rows)
    return max(44.0, rows * (18.0 if rows <= 16 else 13.0))


def fact_ticks(facts: Sequence[str], look: Theme) -> dict:
    """Tick labels of a panel whose rows are these facts, in words, untrusted text; none where there are too many."""
    if len(facts) > LABELLED_ROWS:
        return {"showticklabels": False}
    return {
        "tickvals": list(range(len(facts))),
        "ticktext": [escape(shorten(fact)) for fact in facts],
        "tickfont": {"size": 10.5, "color": look.muted},
        "automargin": "left",
    }


def shown_labels(facts: Sequence[str]) -> list[str]:
    """What of them stands at the left: the text that a margin must hold."""
    return [shorten(fact) for fact in facts] if len(facts) <= LABELLED_ROWS else []
