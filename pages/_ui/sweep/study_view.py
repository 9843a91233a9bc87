"""The reproduction study: the paper's comparison, measured beforehand and kept with the code."""

import pandas as pd
import streamlit as st

from lga_core.service.reading.paper_study import Group, Study, read
from lga_core.view.figures.sweep.proxy_size import regret_against_size
from lga_core.view.words.definitions import definitions
from lga_core.view.words.sweep import claims
from lga_core.view.words.sweep import study as words
from lga_core.view.words.text import capitalized, count
from lga_core.worth.study.across import carried
from lga_core.worth.study.judged import AT_RANDOM, stability, table_rows
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import tabs
from pages._ui.shell.text import safe

_BESIDE = (
    "seconds were measured with one thread while the other model’s ran beside it, so read their ratios; the rows of "
    "sweeps up to 1 December 2026 are counted about twice too many"
)
_REGRET = (
    "Regret: points of Overall below the layer that is best on half of the test facts, measured on the other half, "
    "mean over 200 cuts; n/a with fewer than four facts."
)
_CARRIED = ("lga", "lga-answer", "forecast", "cma-mlp", "brute-force")


def study() -> None:
    """All units together, then each of them, in the paper's shape."""
    title = "The paper’s comparison, measured beforehand"
    opened = st.expander(title, icon=":material/table_view:", key="study_units", on_change="rerun")
    if not opened.open:
        return
    with opened:
        measured = read()
        if measured is None:
            st.caption("No unit is measured yet.")
            return
        group = chosen_group(measured)
        tabs(
            {
                "All units": lambda: together(group),
                "One unit": lambda: alone(measured),
                "From set to set": lambda: between(group),
                "The forecast’s terms": lambda: terms(group),
            },
            "study_tab",
        )


def chosen_group(measured: Study) -> Group:
    """The units that are looked at together; a list where not all were measured alike."""
    titles = list(measured.groups)
    if len(titles) == 1:
        return measured.groups[titles[0]]
    chosen = st.selectbox(
        "Measured alike",
        titles,
        key="study_group",
        help="Units whose sweeps had other settings are not put together.",
    )
    return measured.groups[chosen]


def together(group: Group) -> None:
    """The verdict, and the paper's claims."""
    st.markdown(f":material/recommend: {safe(claims.recommendation(group.over))}")
    _table(words.summary_table(group.over), "selector", "Table of every selector over all units")
    _table(words.pairs_table(group.over), "Overall", "Table of selectors in pairs")
    _table(claims.claims_table(group.over), "the paper", "Table of the paper's claims and what these units say")
    first = group.units[0]
    sets_of: dict[str, list[str]] = {}
    for unit in group.units:
        sets_of.setdefault(unit.model, []).append(unit.title)
    covered = "; ".join(f"{safe(model)} on {', '.join(map(safe, sets))}" for model, sets in sets_of.items())
    st.caption(
        f"{count(len(group.units), 'unit')}: {covered}; {first.editor}. Picks are from proxy "
        "facts, the numbers from test facts of the set’s other half, no subject in both. Means of the units’ "
        "means, n facts in brackets; brackets beside Overall, regret and differences: 95 % of "
        f"{group.over.draws:,} draws of units and of their test facts (seed {group.over.seed}), paired, picks "
        f"held fixed. {_REGRET} Layer ± 1 again: the share of bootstrap proxies that pick within one layer of the "
        f"pick. × fewer rows and × faster: than the sweep of the same proxy facts, medians; {_BESIDE}. "
        "Teacher-forced, percent. `python -m lga_core bench paper --model MODEL`"
    )


def alone(measured: Study) -> None:
    """One unit, and how its picks hold with fewer facts."""
    unit = measured.units[st.selectbox("Unit", measured.units, key="study_unit")]
    rows = table_rows(unit)
    _table(words.study_table(rows), "selector", "Table of what each selector's layer is worth on held-out facts")
    if silent := words.no_picks(rows):
        st.caption(safe(silent))
    st.caption(
        f"{safe(words.unit_title(unit))}. Picks are from {len(unit.proxy.records)} proxy facts of the set’s "
        "other half, no subject in both. Percent, teacher-forced, n in brackets; brackets beside Overall and "
        f"regret: 95 % of 1,000 bootstrap draws over the test facts. {_REGRET} "
        "Rows: sequences through the model that the pick cost; beside them, how much less than the proxy’s sweep. "
        f"{capitalized(_BESIDE)}. "
        f"`{unit.command}`"
    )
    held = stability(unit)
    at_random = next(row["regret"] for row in rows if row["selector"] == AT_RANDOM)
    figure = regret_against_size(held, theme_name=theme_name(), at_random=at_random)
    if figure is not None:
        chart(figure, "study_size", "Curves: each selector's mean regret over the number of proxy facts.")
    _table(words.stability_table(held), "proxy facts", "Table of how picks hold with fewer proxy facts")
    st.caption(
        f"Of {held[0].draws} draws of so many proxy facts (seed {held[0].seed}): the layer that most of them pick, "
        "the share that picks it or a layer beside the one that all facts pick, and the mean regret on the test facts."
    )


def between(group: Group) -> None:
    """Picks of one set on another's facts."""
    left, right = st.columns(2)
    model = left.selectbox("Model", sorted({unit.model for unit in group.units}), key="study_model")
    units = [unit for unit in group.units if unit.model == model]
    titles = {pick.selector: pick.title for unit in units for pick in unit.picks}
    offered = [name for name in _CARRIED if name in titles]
    selector = right.selectbox("Selector", offered, format_func=titles.get, key="study_selector")
    carry = carried(units, selector)
    _table(words.carried_table(carry), "picked on", "Table of regret, picked on one set and judged on another")
    st.caption(
        "Regret in points on the test facts of each set (columns) of the layer picked on the proxy facts of "
        "each set (rows), with 95 % of bootstrap draws over the test facts."
    )


def terms(group: Group) -> None:
    """The forecast taken apart."""
    _table(
        words.forecast_table(group.parts_before, group.parts),
        "selector",
        "Table of the forecast with terms switched off",
    )
    st.caption(
        "Mean regret over the units in points. The terms were tried out on the proxy facts (and all of our own "
        "set), so those numbers flatter; the held-out ones do not. Best in: units on held-out facts."
    )


def _table(rows: words.Table, index: str, alt: str) -> None:
    frame = pd.DataFrame(rows)
    st.table(frame.map(safe).set_index(index), border="horizontal", alt=alt)
    if about := definitions(frame.columns):
        st.caption("What the columns are", help=about)
