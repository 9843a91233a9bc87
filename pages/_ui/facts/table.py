"""The editable table: every change goes through the checks of an upload, and a changed set is another set."""

from dataclasses import replace
from typing import Any

import pandas as pd
import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.data.forms.table import CELLS, RECORD, changed, from_rows, to_rows
from lga_core.view.words.text import count
from pages._ui.facts import sets
from pages._ui.facts.report import problem_table
from pages._ui.session.state import TableEdits, session, widget
from pages._ui.shell.elements import act_button, button

HELP = {
    "target_old": "Accepted old answers, the canonical one first; “ | ” between them.",
    "rephrases": "“ | ” between them.",
    "locality": "prompt => answer; “ | ” between probes.",
    "portability": "prompt => answer; “ | ” between probes.",
}
LABELS = {"target_old": "old answer", "target_new": "new answer"}
_WIDTHS = {"prompt": 280, "subject": 130, "target_old": 110, "target_new": 110}


def edit(fact_set: FactSet) -> None:
    """The table, what is wrong with its rows, and the button that keeps them as a set."""
    st.caption(
        "Double-click a cell to change it, type in the last row for a new fact, tick rows to delete them. "
        "The set from before stays as it is."
    )
    editing = _table(fact_set)
    result = from_rows(fact_set, editing.edited)
    new, gone = changed(fact_set, result)
    if not new and not gone:
        st.caption("Nothing is changed yet.")
        return
    skipped = _mistakes(result, new)
    added = len(new - {fact.record for fact in fact_set.facts})
    parts = [f"{len(new) - added:,} changed", f"{added:,} new", f"{len(gone):,} deleted"]
    st.markdown(
        f"**{' · '.join(parts)}** → {count(len(result.facts), 'fact')}, fingerprint "
        f"`{result.fingerprint[:12]}` (was `{fact_set.fingerprint[:12]}`)"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = f"{sets.title(fact_set.name)}, edited"
        st.text_input("Name of the changed set", name, key=_name_key(fact_set), max_chars=80, width=320)
        act_button(
            "Keep as a new set",
            "keep_edited",
            _keep,
            fact_set,
            result,
            icon="save",
            type="primary",
            disabled=bool(skipped) or not result.facts,
            help="Lists it in the sidebar and chooses it.",
        )
        button("Throw the changes away", "discard_edited", _discard, fact_set, icon="undo")


def _table(fact_set: FactSet) -> TableEdits:
    """The widget. When it is drawn after a while on another view, it begins with what it said before."""
    tables = session().editing
    mark = fact_set.mark
    if mark not in tables:
        rows = to_rows(fact_set.facts)
        tables[mark] = TableEdits(rows=rows, edited=rows)
    editing = tables[mark]
    key = f"facts_editor_{mark}_{editing.version}"
    if key not in st.session_state:
        editing.rows = editing.edited
    column = st.column_config
    frame = st.data_editor(
        _frame(editing.rows),
        key=key,
        num_rows="dynamic",
        hide_index=True,
        width="stretch",
        height=420,
        disabled=[RECORD],
        alt="The facts of the set, to be edited",
        column_config={RECORD: column.NumberColumn("#", width=50, help="Record number; new rows get theirs when kept.")}
        | {
            name: column.TextColumn(LABELS.get(name, name), width=_WIDTHS.get(name, 160), help=HELP.get(name))
            for name in CELLS
        },
    )
    editing.edited = _rows(frame)
    return editing


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=[RECORD, *CELLS])
    return frame.astype({RECORD: "Int64", **dict.fromkeys(CELLS, "string")})


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {name: None if pd.isna(value) else int(value) if name == RECORD else str(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def _mistakes(result: FactSet, new: set[int]) -> list[int]:
    """Lists what is wrong with the rows that were changed; returns those that cannot be used."""
    wrong = [problem for problem in result.problems if problem.record in new]
    skipped = sorted({problem.record for problem in wrong if problem.action == "record skipped"})
    if skipped:
        st.error(
            f"**{'Row' if len(skipped) == 1 else 'Rows'} {', '.join(map(str, skipped[:20]))} cannot be used.**  \n"
            "Correct what is listed, or delete the row; then the set can be kept.",
            icon=":material/error:",
        )
    problem_table(wrong)
    return skipped


def _name_key(fact_set: FactSet) -> str:
    """Of the name's field: each set's table has a name of its own."""
    return f"edited_name_{fact_set.mark}"


def _keep(fact_set: FactSet, result: FactSet) -> None:
    name = widget(_name_key(fact_set)) or f"{sets.title(fact_set.name)}, edited"
    sets.choose(sets.add_derived(replace(result, name=name)))
    _discard(fact_set)


def _discard(fact_set: FactSet) -> None:
    rows = to_rows(fact_set.facts)
    tables = session().editing
    mark = fact_set.mark
    tables[mark] = TableEdits(rows=rows, edited=rows, version=tables[mark].version + 1)
    st.session_state.pop(_name_key(fact_set), None)
