"""How the facts of a ledger fared after each change of it: one row a fact, one column a change."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from lga_core.results import LedgerFact, LedgerReport
from lga_core.view.figures.parts.cells import labelled_heatmap
from lga_core.view.figures.parts.ruler import label_margin
from lga_core.view.figures.parts.style import Theme, ThemeName, axis, heading, new_figure, theme
from lga_core.view.words.text import escape, shorten, wrap

ROW, SLIM_ROW = 22.0, 9.0  # px of a fact; slim ones where there are many
MANY_FACTS = 40
FEW_CHANGES = 10  # room is left for as many: one change is no bar across the page
MANY_CHANGES = 26  # beyond that the cells are too narrow for their numbers
Key = tuple[str, str]


def ledger_history(
    changes: Sequence[tuple[str, LedgerReport]], metric: str, *, theme_name: ThemeName = "light"
) -> go.Figure:
    """A heatmap of one metric (teacher-forced, percent) after each change, given as (words, report), oldest first.

    A fact is a row of its own however often it was written; where its entries are switched off its cell is framed.
    """
    look = theme(theme_name)
    facts = _facts([report for _, report in changes])
    columns = [_by_fact(report) for _, report in changes]
    cells = [[column.get(key) for column in columns] for key in facts]
    labels = [_label(fact) for fact in facts.values()]
    slim = len(facts) > MANY_FACTS
    height = max((SLIM_ROW if slim else ROW) * len(facts), 44.0)
    figure = new_figure(look, height=height, left=label_margin([] if slim else labels), top=30, bottom=24)
    figure.add_trace(
        _heatmap(cells, changes, facts, metric, look, numbers=not slim and len(changes) <= MANY_CHANGES, height=height)
    )
    figure.update_layout(
        clickmode="none",
        hoverdistance=20,
        xaxis=axis(look, range=[0.5, max(len(changes), FEW_CHANGES) + 0.5], tickvals=_ticks(len(changes))),
        yaxis=axis(
            look,
            range=[len(facts) - 0.5, -0.5],
            tickvals=[] if slim else list(range(len(facts))),
            ticktext=[] if slim else labels,
        ),
        shapes=[
            _frame(row, column, look)
            for row, line in enumerate(cells)
            for column, fact in enumerate(line)
            if fact is not None and not fact.enabled
        ],
    )
    note = "percent, teacher-forced, after each change, numbered below · framed: switched off"
    figure.add_annotation(heading(look, metric.capitalize(), note, 1))
    return figure


def _facts(reports: Sequence[LedgerReport]) -> Mapping[Key, LedgerFact]:
    """Every fact once: those of the ledger as it is now in its order, then those that have gone."""
    return {_key(fact): fact for report in reversed(reports) for fact in report.facts}


def _key(fact: LedgerFact) -> Key:
    return fact.prompt, fact.target_new


def _by_fact(report: LedgerReport) -> Mapping[Key, LedgerFact]:
    """A fact that was written twice acts where one of its entries does."""
    return {_key(fact): fact for fact in sorted(report.facts, key=lambda fact: fact.enabled)}


def _label(fact: LedgerFact) -> str:
    return escape(shorten(f"{fact.subject} → {fact.target_new}", 34))


def _heatmap(
    cells: Sequence[Sequence[LedgerFact | None]],
    changes: Sequence[tuple[str, LedgerReport]],
    facts: Mapping[Key, LedgerFact],
    metric: str,
    look: Theme,
    *,
    numbers: bool,
    height: float,
) -> go.Heatmap:
    values = [[None if fact is None else fact.now[metric].teacher_forced for fact in line] for line in cells]
    hover = [
        [
            _hover(fact, shown, words, number, metric)
            for number, (fact, (words, _)) in enumerate(zip(line, changes, strict=True), start=1)
        ]
        for line, shown in zip(cells, facts.values(), strict=True)
    ]
    return labelled_heatmap(
        values,
        100,
        height,
        look,
        x=list(range(1, len(changes) + 1)),
        y=list(range(len(facts))),
        xgap=1,
        text=hover,
        texttemplate="%{z:.0f}" if numbers else None,
        hovertemplate="%{text}<extra></extra>",
    )


def _hover(fact: LedgerFact | None, shown: LedgerFact, words: str, number: int, metric: str) -> str:
    name = wrap(f"{shown.prompt} → {shown.target_new}")
    if fact is None:
        return f"<b>{name}</b><br>not in the ledger at change {number}"
    before, now = fact.before[metric], fact.now[metric]
    if now.teacher_forced is None:
        return f"<b>{name}</b><br>n/a: no such probe"
    off = "" if fact.enabled else ", switched off"
    return (
        f"<b>{name}</b><br>{now.teacher_forced:.0f} % after change {number}{off}<br>"
        f"{before.teacher_forced:.0f} % on the unedited model · n {now.n}<br>{wrap(words)}"
    )


def _frame(row: int, column: int, look: Theme) -> dict:
    return {
        "type": "rect",
        "x0": column + 0.56,
        "x1": column + 1.44,
        "y0": row - 0.44,
        "y1": row + 0.44,
        "line": {"color": look.muted, "width": 1, "dash": "dot"},
        "fillcolor": "rgba(0,0,0,0)",
        "layer": "above",
    }


def _ticks(changes: int) -> list[int]:
    step = next(step for step in (1, 2, 5, 10, 20) if changes / step <= 30 or step == 20)
    return [number for number in range(1, changes + 1) if number == 1 or number % step == 0 or changes <= 30]
