"""The main figure: each score's facts × layers, over both per layer, on one layer axis."""

from collections.abc import Collection, Mapping, Sequence

import plotly.graph_objects as go

from lga_core.errors import LgaError
from lga_core.results import LayerScores
from lga_core.view.figures.parts.panels import Domain, FactCells, LayerPanels, fact_names, panel_height
from lga_core.view.figures.parts.ruler import Track, add_outlines
from lga_core.view.figures.parts.scales import Scale, effect_shades, signed_shades
from lga_core.view.figures.parts.style import Theme, ThemeName, axis_title, heading, theme
from lga_core.view.figures.scores import layer_panel
from lga_core.view.words.names import method_kind, method_title
from lga_core.view.words.scores.options import loss_note
from lga_core.view.words.text import count, escape, shorten, wrap

TOTALS_HEIGHT = 150.0  # px
_UNITS = {
    "lga": "gradient product",
    "cma-mlp": "indirect effect at the last subject token",
    "cma-hidden": "indirect effect at the last subject token",
    "cma-attn": "indirect effect at the last subject token",
    "forecast": "rank of the expected gain within the fact, 1 the highest",
}


def layer_heatmaps(
    lga: LayerScores | None,
    cma: LayerScores | None,
    forecast: LayerScores | None = None,
    *,
    hidden: Collection[str] = (),
    labels: Mapping[int, str],
    scale: Scale = "symmetric log",
    chosen: Sequence[int] = (),
    published: Mapping[str, Sequence[int]] | None = None,
    theme_name: ThemeName = "light",
) -> go.Figure:
    """The figure of the golden-layers page.

    `lga` is a signed score, `cma` an effect, `forecast` a rank; each may be None, not both of the first two (LgaError).
    `hidden`: methods whose heatmap is left out; their totals stay. `labels` maps a record to its
    fact in words, untrusted text; `published` a source's name to the layers it publishes. Cells, layers and marks
    can be clicked: `customdata` is [layer, record or None, raw value or None].
    """
    present = [scores for scores in (lga, cma) if scores is not None]
    if not present:
        raise LgaError("There is no score to draw.", hint="Score the layers first.")
    shown = [item for item in (*present, *([forecast] if forecast is not None else [])) if item.method not in hidden]
    if len({scores.layers for scores in (*present, *shown)}) > 1:
        raise LgaError("The scores are of models with different numbers of layers.", hint="Score one model.")
    look = theme(theme_name)
    panels = LayerPanels(
        look=look,
        layers=present[0].layers,
        tracks=_tracks(lga, cma, chosen, published or {}, look),
        golden=lga.selection.golden_layer if lga is not None else None,
    )
    cells = [_cells(scores, labels, scale, look, signed=scores is lga) for scores in shown]
    figure, domains = panels.figure(
        [*(panel_height(len(item.facts)) for item in cells), TOTALS_HEIGHT], *(item.facts for item in cells)
    )
    for panel, (item, domain) in enumerate(zip(cells, domains[:-1], strict=True), start=2):
        panels.add_facts(figure, panel, domain, item)
    last = 2 + len(shown)
    _add_totals(figure, panels, last, domains[-1], lga, cma, scale)
    add_outlines(figure, look, chosen, panels.golden, range(2, last + 1))
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


def _cells(scores: LayerScores, labels: Mapping[int, str], scale: Scale, look: Theme, *, signed: bool) -> FactCells:
    facts = fact_names(labels, [row.record for row in scores.rows])
    text = []
    for fact, row in zip(facts, scores.rows, strict=True):
        about = f"<b>{wrap(fact)}</b>"
        if row.old_answer:
            known = {True: ", known", False: ", not known", None: ""}[row.known]
            about += f"<br>old answer {escape(shorten(row.old_answer, 40))}{known}"
        if not row.used:
            about += f"<br>not used: {escape(row.status)}"
        text.append([about] * scores.layers)
    used = f"{scores.n_facts} of {count(len(scores.rows), 'fact')}"
    return FactCells(
        facts=facts,
        records=[row.record for row in scores.rows],
        values=scores.per_fact,
        shades=signed_shades(scores.per_fact, scale, look)
        if signed
        else effect_shades(scores.per_fact, scale, method_kind(scores.method), look),
        text=text,
        template=f"layer %{{customdata[0]}} · {method_title(scores.method)} %{{customdata[3]}}",
        title=method_title(scores.method),
        note=" · ".join(filter(None, (_UNITS.get(scores.method, "score"), loss_note(scores.settings), used, scale))),
    )


def _add_totals(
    figure: go.Figure,
    panels: LayerPanels,
    panel: int,
    domain: Domain,
    lga: LayerScores | None,
    cma: LayerScores | None,
    scale: Scale,
) -> None:
    look, x, y = panels.look, f"x{panel}", f"y{panel}"
    if lga is not None:
        figure.add_trace(layer_panel.bars(lga, scale, look, xaxis=x, yaxis=y))
        figure.update_layout(shapes=layer_panel.fences(lga, scale, look, xref=x, yref=y))
        figure.update_layout({f"yaxis{panel}": layer_panel.total_axis(lga, scale, look, domain, anchor=x)})
    if cma is not None:
        alone = lga is None  # an axis may only lie over one that has a trace
        over = {} if alone else {"overlaying": y}
        effects = layer_panel.effect_axis(cma, look, domain, anchor=x, side="right", **over)
        figure.add_traces(layer_panel.line(cma, look, xaxis=x, yaxis=y if alone else "y8"))
        figure.update_layout({f"yaxis{panel}" if alone else "yaxis8": effects})
    layers = range(panels.layers)
    panels.add_columns(figure, panel, layers, [layer_panel.hover_text(layer, lga, cma) for layer in layers])
    figure.update_layout({f"xaxis{panel}": panels.ruler(panel, title=axis_title(look, "layer"))})
    figure.add_annotation(heading(look, "Per layer", layer_panel.axis_note(lga, cma, scale), domain[1]))
