"""The numbers of a sweep: the regret table, the metrics at every pick, the cost table, files and the protocol."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from lga_core.data.facts import fact_label
from lga_core.results import Stored, Worth
from lga_core.service.reading.sweep import SweepView
from lga_core.view.export.files import standalone_html, sweep_json
from lga_core.view.export.frames.sweeps import sweep_cells, worth_layers, worth_selectors
from lga_core.view.export.frames.table import to_csv
from lga_core.view.figures.sweep.best_layers import best_layers
from lga_core.view.figures.sweep.regret import regret_against_cost
from lga_core.view.words.sentences import spoken
from lga_core.view.words.sweep.rows import (
    MARKED,
    best_of,
    compared,
    cost_rows,
    golden_layer,
    judging_words,
    measured_words,
    metric_rows,
    metric_titles,
    regret_rows,
)
from lga_core.view.words.sweep.sentences import optimum_sentence, stand_in_sentence
from lga_core.view.words.text import count
from pages._ui.scoring.tabs import provenance
from pages._ui.shell import elements
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import download, table
from pages._ui.shell.text import safe

SELECTOR_PIXELS = 190  # its longest title


def tabs(view: SweepView, worth: Worth, figure: Callable[[], go.Figure]) -> None:
    """What stands below the main figure, one tab each."""
    elements.tabs(
        {
            "Selectors": lambda: regret_table(worth),
            "Metrics at the picks": lambda: metrics_table(view, worth),
            "Cost": lambda: cost_table(view, worth),
            "Best layers": lambda: each_fact(view, worth),
            "Export": lambda: export(view, worth, figure),
            "Protocol and origin": lambda: protocol(view, worth),
        },
        "sweep_tab",
    )


def regret_table(worth: Worth) -> None:
    """One row a selector, the lowest regret first."""
    interval = "95 % interval of the regret"
    _table(
        regret_rows(worth),
        "Table of what each selector's pick is worth",
        {"Overall, %": 1, "regret": 1, "from": 1, "to": 1, "Spearman ρ": 2},
        about={"regret": f"Points of Overall below {best_of(worth)}.", "from": interval, "to": interval},
    )
    if worth.unfinished:
        st.caption(f"{count(worth.unfinished, 'fact')} not judged on: not measured at every layer yet.")
    if restricted := stand_in_sentence(worth):
        st.caption(restricted)


def metrics_table(view: SweepView, worth: Worth) -> None:
    """The paper's shape: every selector's layer and each metric there, with its n."""
    names = (*metric_titles(worth).values(), "Overall", "harmonic mean", "below the optimum")
    alt = "Table of the metrics at each selector's pick"
    _table(metric_rows(worth), alt, dict.fromkeys(names, 1))
    st.caption(f"Percent after the edit, mean over the facts that have the metric: {measured_words(view.sweeps)}")


def cost_table(view: SweepView, worth: Worth) -> None:
    """What finding the layer took, beside the sweep of the same facts."""
    digits = {"seconds": 1, "forward rows": 0, "backward rows": 0, "times cheaper": 1}
    _table(cost_rows(worth), "Table of what each selector costs", digits)
    st.caption(
        "Time of each measurement when it was made. Rows are sequences through the whole model; a part of it "
        "counts as its share. Forecast + racing: what a race of the forecast’s best layers on these cells takes."
        + ("" if view.sweeps["proxy"].complete else " The sweep is not complete: it will cost more.")
    )
    figure = regret_against_cost(compared(worth), theme_name=theme_name())
    if figure is not None:
        chart(figure, "sweep_regret", "Points: each selector's regret over the seconds that it took.")


def each_fact(view: SweepView, worth: Worth) -> None:
    """Where each fact's own best layer lies, and what one layer for all gives away."""
    figure = partial(best_layers, worth, view.layers, golden_layer(worth), theme_name=theme_name())
    chart(figure, "sweep_best", "Bar chart: for how many facts each layer is the best one.", choosing=True)
    st.markdown(safe(optimum_sentence(worth)))


def export(view: SweepView, worth: Worth, figure: Callable[[], go.Figure]) -> None:
    """Files to take away. They are made when they are asked for."""
    labels = {part: {fact.record: fact_label(fact) for fact in facts} for part, facts in view.facts.items()}
    stored = _swept_stored(view) | {name: item for name, (_scores, item) in view.scores.items() if item is not None}
    files = (
        ("Figure, HTML", lambda: standalone_html(figure(), "Layer sweep"), "layer_sweep.html", "text/html"),
        ("Facts × layers, CSV", lambda: to_csv(sweep_cells(view.sweeps, labels)), "sweep.csv", "text/csv"),
        ("Layers, CSV", lambda: to_csv(worth_layers(worth)), "sweep_layers.csv", "text/csv"),
        ("Selectors, CSV", lambda: to_csv(worth_selectors(worth)), "sweep_selectors.csv", "text/csv"),
        ("All, JSON", lambda: sweep_json(view.sweeps, worth, stored), "sweep.json", "application/json"),
    )
    with st.container(horizontal=True):
        for words, make, name, kind in files:
            download(words, make, name, kind)


def protocol(view: SweepView, worth: Worth) -> None:
    """How the numbers came about, and what each was measured with."""
    st.markdown(safe(judging_words(worth, view.sweeps)))
    provenance(
        _swept_stored(view)
        | {
            spoken(name): stored
            for name, (_scores, stored) in view.scores.items()
            if name in MARKED and stored is not None
        }
    )


def _swept_stored(view: SweepView) -> dict[str, Stored]:
    return {f"sweep, {part} facts": stored for part, (_sweep, stored) in view.parts.items()}


def _table(rows: list[dict[str, object]], alt: str, digits: Mapping[str, int], **settings: Any) -> None:
    table(rows, most=420, alt=alt, placeholder="n/a", digits=digits, widths={"selector": SELECTOR_PIXELS}, **settings)
