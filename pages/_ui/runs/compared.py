"""Two stored runs beside one another: picks, values by layer in one figure, metrics, and the settings that differ."""

import streamlit as st

from lga_core.runs.storage.index import RunHeader
from lga_core.service.page_parts.run_list import facts_in_words, run_line
from lga_core.service.reading.comparing import Comparison, RunContent, compare
from lga_core.view.figures.compared_curves import RunCurve, compared_curves
from lga_core.view.words.cards import Card
from lga_core.view.words.definitions import definitions
from lga_core.view.words.sentences import layers_in_words
from lga_core.view.words.text import number
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import card, table
from pages._ui.shell.engine import store
from pages._ui.shell.text import safe


def compared(left: RunHeader, right: RunHeader) -> None:
    """From the picks to the settings."""
    comparison = compare(left, right, store())
    facts = facts_in_words((left, right), store())
    for place, name, side in zip(st.columns(2, gap="medium"), "AB", comparison.sides, strict=True):
        with place:
            st.markdown(f"**{name}** · {safe(run_line(side.header, facts[side.header.key]))}")
            card(_pick(side))
    _curves(comparison)
    st.markdown("**Metrics**")
    _table(comparison.metrics, "Neither run has a metric.")
    about = definitions(name for name, _left, _right in comparison.metrics)
    if about:
        st.caption("What these are", help=about)
    st.markdown("**Settings that differ**")
    _table(comparison.settings, "Both were asked in the same way.")


def _pick(side: RunContent) -> Card:
    if side.header.kind.subject in ("trial", "many edits"):
        return Card(label="Edited at", value=layers_in_words(side.picks) if side.picks else "–")
    if not side.picks:
        return Card(label="Picks", value="no pick")
    return Card(label="Picks, the best first", value=layers_in_words(side.picks))


def _curves(comparison: Comparison) -> None:
    """Both runs' values by layer, as far as they have some."""
    curves = [
        RunCurve(
            name=f"{name}: {side.header.title or side.header.what}",
            values=side.curve,
            unit=side.curve_is,
            picks=side.picks,
        )
        for name, side in zip("AB", comparison.sides, strict=True)
        if side.curve is not None
    ]
    if not curves:
        st.caption("Neither run has a value for each layer: there is no curve to draw.")
        return
    words = "Both are read on one axis." if comparison.one_unit else "A is read on the left axis, B on the right one."
    if len(curves) < 2:
        words = "The other run has no value for each layer."
    elif comparison.rho is not None:
        words += f" Rank correlation over layers: ρ {number(comparison.rho, 2)}; 1 would be the same order of layers."
    st.caption(words)
    chart(compared_curves(curves, theme_name=theme_name()), "compared", f"Values of two runs by layer. {words}")


def _table(rows: tuple[tuple[str, str, str], ...], none: str) -> None:
    if rows:
        table([{"": name, "A": left, "B": right} for name, left, right in rows])
    else:
        st.caption(none)
