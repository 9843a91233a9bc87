"""The rows of a facts × layers panel: how high it stands, and its facts as labels at the left."""

from collections.abc import Sequence

from lga_core.view.figures.parts.style import Theme
from lga_core.view.words.text import escape, shorten

LABELLED_ROWS = 40  # more facts than this and their labels are left to the hover box
GAP = 44.0  # px between panels: tick labels below one, the heading of the next


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
