"""Results in forms that leave the program: a figure as one HTML file, tidy CSV, a line for EasyEdit's settings."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import plotly.graph_objects as go

from lga_core.results import EditReport, LayerScores
from lga_core.view.export import page

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def standalone_html(figure: go.Figure, title: str = "Layer scores") -> str:
    """One HTML page with this figure on the ground of its own theme; it needs no network.

    A copy is changed, never `figure`. Hosts that set a default template of their own have no say in it.
    """
    name = (figure.layout.meta or {}).get("theme", "light")
    return page.page(title, page.figure({name: figure}, title), [name])


def scores_csv(scores: LayerScores, labels: Mapping[int, str] | None = None) -> str:
    """One line per fact and layer; a fact not used has its status and empty values."""
    labels = labels or {}
    of_row = ("status", "known", "old_answer", "old_source")
    return table_csv(
        ("method", "record", "fact", *of_row, "layer", "value"),
        (
            (scores.method, row.record, labels.get(row.record, ""), *attrgetter(*of_row)(row), layer, float(value))
            for row, values in zip(scores.rows, scores.per_fact, strict=True)
            for layer, value in enumerate(values)
        ),
    )


def totals_csv(scores: LayerScores) -> str:
    """One line per layer: its total, rank among the layers not excluded, why it is excluded, its bootstrap share."""
    selection = scores.selection
    ranks = {layer: rank for rank, layer in enumerate(selection.ranking, start=1)}
    share = scores.bootstrap.share if scores.bootstrap is not None else [math.nan] * scores.layers
    return table_csv(
        ("method", "layer", f"total_{scores.total_is}", "rank", "golden", "excluded", "pick_share"),
        (
            (
                scores.method,
                layer,
                float(total),
                ranks.get(layer),
                layer == selection.golden_layer,
                selection.excluded_layers.get(layer),
                float(share[layer]),
            )
            for layer, total in enumerate(scores.total)
        ),
    )


def edit_csv(report: EditReport) -> str:
    """One line per probe: both protocols before and after, with the texts."""
    layers = " ".join(map(str, report.layers))
    about = ("metric", "group", "prompt", "expected", "expected_source")
    said = ("free_before", "free_after", "text_before", "text_after")
    return table_csv(
        ("record", "editor", "layers", "answers", *about, "teacher_forced_before", "teacher_forced_after", *said),
        (
            (report.record, report.editor, layers, report.answers, *attrgetter(*about, "before", "after", *said)(probe))
            for probe in report.probes
        ),
    )


def table_csv(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """Any table, with cells that a spreadsheet would run defused."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([_cell(value) for value in line] for line in lines)
    return buffer.getvalue()


def easyedit_line(layers: Sequence[int]) -> str:
    """The line for an EasyEdit hyper-parameter file: `layers: [11, 12]`."""
    return f"layers: [{', '.join(str(layer) for layer in layers)}]"


def _cell(value: object) -> str:
    """Numbers in full, nothing for what is missing, and text that a spreadsheet would run as a formula defused."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ""
    text = str(value)
    # A leading apostrophe is how spreadsheets themselves mark text; leading blanks do not hide a formula from them.
    dangerous = not isinstance(value, int) and (
        text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS)
    )
    return "'" + text if dangerous else text
