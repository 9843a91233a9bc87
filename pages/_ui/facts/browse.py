"""Browsing: the facts that the filters leave beside what the model says, one of them in full, and the way out."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from lga_core.data.facts import Fact, FactSet
from lga_core.data.load import write_facts
from lga_core.data.select import part_of
from lga_core.results import KnownFactCheck
from lga_core.service.page_parts.fact_table import fact_columns, probe_rows, verdict
from lga_core.view.words.text import count, number
from pages._ui.facts import known, sets
from pages._ui.facts.filter import Picked, clear, filters
from pages._ui.session.state import select_fact, session, widget
from pages._ui.shell.elements import act_button, button, download, hint, table
from pages._ui.shell.text import safe

_TABLE_HEIGHT = 420
_WIDTHS = {
    "prompt": 270,
    "expected": 120,
    "the model says": 130,
    "p": 55,
    "model": 85,
    "new answer": 110,
    "relation": 110,
    "rephrases": 85,
    "locality": 75,
    "portability": 85,
}
_ABOUT = {
    "record": "Record number in its file, from 0.",
    "expected": "The accepted old answers.",
    "the model says": "Its greedy answer to the prompt, as many tokens as the new answer has.",
    "p": "Probability of that answer's first token.",
    "model": "Known: that token starts an accepted old answer.",
    "locality": "How many locality probes it has.",
    "portability": "How many portability probes it has.",
}


def browse(fact_set: FactSet, checks: Mapping[int, KnownFactCheck]) -> None:
    """Filters, table, one fact in full, and what can be done with the facts shown."""
    picked = filters(fact_set, checks)
    known.ask_bar(picked.wide, checks)
    unasked = sum(fact.record not in checks for fact in picked.wide)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{len(picked.facts):,} of {count(len(fact_set.facts), 'fact')}"
            + (
                f". {unasked:,} not asked yet, so neither known nor not known"
                if picked.verdict is not None and unasked
                else ""
            )
        )
        if picked.words:
            button("Clear the filters", "clear_filters", clear, icon="filter_alt_off", type="tertiary")
    if not picked.facts:
        hint("No fact passes these filters.", "filter_alt")
        return
    chosen = _table(fact_set, picked.facts, checks)
    if chosen is not None:
        _in_full(chosen, checks.get(chosen.record))
    else:
        st.caption("Tick a row to see the fact in full.")
    _export(fact_set, picked)


def _table(fact_set: FactSet, facts: tuple[Fact, ...], checks: Mapping[int, KnownFactCheck]) -> Fact | None:
    """One row a fact; returns the one that is ticked. Another list or set of facts is another table, with no tick."""
    rows = pd.DataFrame(fact_columns(facts, checks))
    rows["p"] = rows["p"].astype(float)
    order = [name for name in rows if checks or name not in ("the model says", "p", "model")]
    event = table(
        rows,
        most=_TABLE_HEIGHT,
        column_order=order,
        key=f"facts_table_{fact_set.mark}_{hash(tuple(rows['record'])):x}",
        on_select="rerun",
        selection_mode="single-row",
        alt="Facts with what the model says",
        widths=_WIDTHS,
        digits={"p": 3},
        about=_ABOUT,
    )
    at = event.selection.rows
    return facts[at[0]] if at and at[0] < len(facts) else None


def _in_full(fact: Fact, check: KnownFactCheck | None) -> None:
    """Prompt, answers and probes of one fact, and where to go with it."""
    start, end = fact.span
    before, behind = fact.prompt[:start].strip(), fact.prompt[end:].strip()
    subject = f":violet-background[{safe(fact.subject)}]"
    with st.container(border=True):
        st.markdown(f"**{fact.record}** · {' '.join(filter(None, [safe(before), subject, safe(behind)]))} …")
        left, middle, right = st.columns(3, gap="medium")
        left.markdown(f"Expected  \n**{safe(' | '.join(fact.target_old) or 'n/a')}**")
        if check is None:
            middle.markdown("The model says  \nnot asked")
        elif check.refusal is not None:
            middle.markdown(f"The model says  \n{safe(check.refusal)}")
        else:
            middle.markdown(
                f"The model says  \n**{safe(check.greedy) or '␣'}**, p {number(check.probability, 3)} · "
                f"{verdict(check)}"
            )
        right.markdown(f"New answer  \n**{safe(fact.target_new or 'none: it can be traced, not edited')}**")
        if probes := probe_rows(fact):
            table(probes, most=250)
        else:
            st.caption("No rephrase and no probe: an edit of it can only be judged by its rewrite.")
        with st.container(horizontal=True):
            for page, label, icon in (
                ("causal_trace", "Trace this fact", "grid_on"),
                ("trial_edit", "Try an edit of it", "edit"),
            ):
                off = session().question is None
                if button(label, f"to_{page}", select_fact, fact.record, icon=icon, disabled=off):
                    st.switch_page(f"{page}.py", query_params={})


def _export(fact_set: FactSet, picked: Picked) -> None:
    """The facts shown as a set of their own, and as a file."""
    name = fact_set.name
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if picked.words:
            wanted = f"{sets.title(fact_set.name)}, {', '.join(picked.words)}"[:80]
            key = f"part_name_{hash(wanted):x}"
            name = st.text_input("As a set named", wanted, key=key, max_chars=80, width=320)
            act_button(
                f"Use {'this' if len(picked.facts) == 1 else 'these'} {count(len(picked.facts), 'fact')}",
                "use_part",
                _use,
                fact_set,
                picked.facts,
                key,
                icon="playlist_add_check",
                help="Lists them in the sidebar and chooses them.",
            )
        download(
            f"Download {count(len(picked.facts), 'fact')}",
            lambda: write_facts(picked.facts),
            sets.file_name(name or fact_set.name, ".json"),
            "application/json",
            key="download_facts",
            help="In the project's own schema, normalized: what was dropped or corrected stays so.",
        )


def _use(fact_set: FactSet, facts: tuple[Fact, ...], key: str) -> None:
    sets.choose(sets.add_derived(part_of(fact_set, facts, widget(key) or "")))
    clear()
