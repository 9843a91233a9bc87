"""What a sweep has shown so far: the verdict in numbers and words, the figure, the choice of layers, the tables."""

import streamlit as st

from lga_core.results import Pick, SelectorWorth, Worth
from lga_core.view.names import METHOD_TITLES
from lga_core.view.sweep import sweep_figure
from lga_core.view.sweep_words import BRUTE_FORCE, points, recommendation, recommended, remaining, short_time
from lga_core.view.text import count
from lga_core.view.words import duration, time_left
from pages._ui import jobs, sweep_tables, sweeping
from pages._ui.layers import chart, chosen_layers, hand_over, theme_name
from pages._ui.model import shelf
from pages._ui.options import choices
from pages._ui.sweep_form import sets_of
from pages._ui.sweep_scores import main_selectors, missing_needs
from pages._ui.sweeping import Part, SweepQuestion, Swept
from pages._ui.text import fact_label, safe

SCORING = "selectors"
LIVE_SECONDS = 2.0
_PARTS = {"test": "Test facts, held out", "proxy": "Proxy facts, in-sample"}


def results(asked: SweepQuestion, found: Swept, live: bool) -> None:
    """Everything that is known; nothing before the first edit is measured."""
    if live:
        pace(found)
    parts = [part for part in _PARTS if part in found.found and (found.sweeps[part].measured == 1).any()]
    if "proxy" not in parts:
        if live:
            st.info("The first results appear here as soon as the first batch is measured. The sidebar shows the "
                    "progress.", icon=":material/hourglass_top:")
        return
    part = parts[0] if len(parts) == 1 else st.segmented_control(
        "Judge on", parts, key="sweep_part", default=parts[0], required=True, format_func=_PARTS.get,
        persist_state="session")
    worth = sweeping.verdict(found, part)
    cards(found, worth)
    best = recommended(worth)
    st.markdown(f":material/recommend: {safe(recommendation(worth))}" if best else safe(recommendation(worth)))
    if not live:                             # a job that a fragment starts would not be watched
        selectors_bar(asked, found)
    figure = drawn(found, part, worth)
    chart(figure, "sweep_heat", alt(worth), choosing=True)
    hand_over(found.layers, (best.pick.layer,) if best else ())
    sweep_tables.tabs(found, worth, figure)


def pace(found: Swept) -> None:
    """How far a running sweep is, and how long the rest takes at its pace."""
    done, total, seconds = remaining(list(found.sweeps.values()))
    if total:
        left = time_left(seconds) or "time left not known yet"
        st.progress(done / total, text=f"{done:,} of {count(total, 'edit')} measured · {left}")


def cards(found: Swept, worth: Worth) -> None:
    """The answer in one row."""
    columns = st.columns(6, gap="small")
    judged = "in-sample" if worth.in_sample else "held out"
    value = "–" if worth.best_layer is None else f"{worth.best_layer}"
    _card(columns[0], "Best layer", value, f"Overall {_one(worth.best.value)} %",
          f"By brute force, on {count(worth.n_facts, 'fact')}, {judged}. Overall {points(worth.best)} %.")
    _selector(columns[1], "Golden layer", _of(worth, "lga"))
    _selector(columns[2], "CMA’s pick", _of(worth, "cma-mlp"))
    _selector(columns[3], "Forecast", _of(worth, "forecast"))
    _card(columns[4], "Optimum", f"{_one(worth.optimum.value)} %", f"{_one(worth.gap.value)} above",
          f"The sample-wise optimum, {points(worth.optimum)} %: a maximum over noise, so optimistic. Above the best "
          f"layer for all by {points(worth.gap)} points.")
    proxy = found.sweeps["proxy"]
    _card(columns[5], "Sweep cost", short_time(proxy.cost.seconds),
          f"{count(int((proxy.measured == 1).sum()), 'edit')}",
          f"{duration(proxy.cost.seconds)} for the proxy facts, when it was measured.")


def _of(worth: Worth, selector: str) -> SelectorWorth | None:
    return next((item for item in worth.selectors if item.pick.selector == selector), None)


def _selector(place, label: str, item: SelectorWorth | None) -> None:
    if item is None:
        _card(place, label, "–", "not scored")
    elif item.pick.own_layer is None:
        _card(place, label, "n/a", "no pick", item.pick.reason)
    elif item.pick.restricted:
        _card(place, label, f"{item.pick.own_layer}", "not swept")
    else:
        regret = "not judged yet" if item.regret.value is None else f"regret {_one(item.regret.value)}"
        _card(place, label, f"{item.pick.layer}", regret,
              f"Points of Overall below the best layer: {points(item.regret)}.")


def _one(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.1f}"


def _card(place, label: str, value: str, below: str, help: str | None = None) -> None:
    place.metric(label, value, below, delta_color="off", delta_arrow="off", help=help, border=True)


def selectors_bar(asked: SweepQuestion, found: Swept) -> None:
    """Selectors without scores, and the way to score them."""
    needs = missing_needs(found.scores, asked.question.seed)
    if not needs or jobs.is_running(SCORING):
        return
    left, right = st.columns([6, 1], vertical_alignment="bottom")
    with left:
        wanted = st.pills("Not scored yet on the sidebar’s facts", list(needs), selection_mode="multi",
                          key=f"sweep_needs_{'_'.join(needs)}", default=[title for title, (_, quick) in needs.items()
                                                                        if quick],
                          help="Marked: the quick ones, about one pass over the facts. A CMA kind or the integrated "
                               "gradients take many passes.")
    right.button("Score", key="sweep_score", icon=":material/bar_chart:", disabled=not wanted, width="stretch",
                 on_click=_score, args=(asked, found, [needs[title][0] for title in wanted]))


def _score(asked: SweepQuestion, found: Swept, needs: list) -> None:
    on, sets = shelf(), sets_of(asked)
    jobs.start(SCORING, (asked.question, tuple(needs)), "Scoring selectors",
               lambda: sweeping.score_steps(on, asked, sets, found, needs))


def drawn(found: Swept, part: Part, worth: Worth):
    """The main figure. LGA has seen the proxy facts: their heatmap stands below the proxy's sweep."""
    lga = found.scores.get("lga") if part == "proxy" else None
    return sweep_figure(
        found.sweeps[part], lga[0] if lga is not None else None, layers=found.layers, picks=_marked(worth),
        best=worth.best_layer, labels={fact.record: fact_label(fact) for fact in found.facts[part]},
        scale=choices().scale, chosen=chosen_layers(found.layers), theme_name=theme_name())


def _marked(worth: Worth) -> list[Pick]:
    """The main selectors; the brute force's own pick where it is judged on other facts than its own."""
    main = (*main_selectors(), *([] if worth.in_sample else [BRUTE_FORCE]))
    return [item.pick for item in worth.selectors if item.pick.selector in main]


def alt(worth: Worth) -> str:
    """The figure in words, for those who do not see it."""
    picks = [f"{METHOD_TITLES.get(item.pick.selector, item.pick.title)} picks layer {item.pick.own_layer}"
             for item in worth.selectors if item.pick.own_layer is not None]
    best = "" if worth.best_layer is None else f" Layer {worth.best_layer} is the best on average."
    return f"Metrics by layer, and a heatmap of facts by layers.{best} {'; '.join(picks)}."


def live_results(asked: SweepQuestion, found: Swept, live: bool) -> None:
    """The results; while the sweep runs they are drawn again every few seconds, by themselves."""
    if not live:
        results(asked, found, live)
        return

    @st.fragment(run_every=LIVE_SECONDS, key="sweep_live")
    def draw() -> None:
        results(asked, found, live)

    draw()
