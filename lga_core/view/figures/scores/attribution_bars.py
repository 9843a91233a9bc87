"""Token attributions of the old and the new answer as two bars a token, on the token axis of the causal trace."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from lga_core.results import TokenAttribution
from lga_core.view.figures.parts.ruler import label_margin
from lga_core.view.figures.parts.scales import round_ticks
from lga_core.view.figures.parts.style import ThemeName, axis, axis_title, legend, new_figure, theme
from lga_core.view.words.text import escape, number, shorten, token_label


def attribution_bars(
    attribution: TokenAttribution, *, subject: tuple[int, int] | None = None, theme_name: ThemeName = "light"
) -> go.Figure:
    """Signed bars to the right and left of zero. `subject` is the token span that gets a *, end exclusive."""
    look, count = theme(theme_name), len(attribution.tokens)
    first, end = subject or (0, 0)
    labels = [token_label(token, subject=first <= index < end) for index, token in enumerate(attribution.tokens)]
    row = 26.0 if count <= 40 else 16.0
    figure = new_figure(look, height=max(row * count, 60.0), left=label_margin(labels), top=34, bottom=44, right=24)
    for answer, color in (("old", look.old), ("new", look.new)):
        if answer in attribution.scores:
            name = f"{answer} answer: {escape(shorten(attribution.answers.get(answer, ''), 24))}"
            figure.add_trace(_bars(attribution.scores[answer], labels, name, color))
    ticks = _ticks(list(attribution.scores.values()))
    figure.update_layout(
        barmode="group",
        bargap=0.35,
        bargroupgap=0.0,
        showlegend=True,
        clickmode="none",
        legend=legend(look, orientation="h", x=0, yanchor="bottom", traceorder="normal"),
        xaxis=axis(
            look,
            grid=True,
            zero=look.muted,
            range=[ticks[0], ticks[-1]],
            tickvals=ticks,
            ticktext=[number(value) for value in ticks],
            title=axis_title(look, "attribution to log p(answer), nats"),
        ),
        yaxis=axis(
            look,
            range=[count - 0.5, -0.5],
            tickvals=list(range(count)),
            ticktext=labels,
            automargin="left",
        ),
    )
    return figure


def _bars(scores: np.ndarray, labels: Sequence[str], name: str, color: str) -> go.Bar:
    return go.Bar(
        x=[float(score) if np.isfinite(score) else None for score in scores],
        y=list(range(len(scores))),
        orientation="h",
        name=name,
        marker={"color": color, "line": {"width": 0}},
        customdata=[[number(float(score))] for score in scores],
        text=[f"<b>{label}</b>" for label in labels],
        textposition="none",
        hovertemplate="%{text}<br>%{customdata[0]}<extra>%{fullData.name}</extra>",
    )


def _ticks(scores: Sequence[np.ndarray]) -> list[float]:
    """Round ticks that reach past the largest bar on both sides that have one."""
    values = np.concatenate([np.nan_to_num(score) for score in scores]) if scores else np.zeros(1)
    low, high = min(float(values.min(initial=0.0)), 0.0), max(float(values.max(initial=0.0)), 0.0)
    if low == high:
        return [-1.0, 0.0, 1.0]
    ticks = round_ticks(low, high, 6)
    step = ticks[1] - ticks[0] if len(ticks) > 1 else high - low
    before = [ticks[0] - step] if low < ticks[0] else []
    return [*before, *ticks, *([ticks[-1] + step] if high > ticks[-1] else [])]
