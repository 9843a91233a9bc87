"""Which column holds what: the form for a table whose columns have names of their own, and how its facts then read."""

from dataclasses import fields, replace

import pandas as pd
import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.data.forms.table import CELLS, to_rows
from lga_core.data.load import Table
from lga_core.data.sources.mapping import ColumnMapping
from lga_core.errors import LgaError
from lga_core.view.words.text import count, shorten
from pages._ui.facts.table import HELP, LABELS
from pages._ui.session.state import Incoming
from pages._ui.shell.elements import hint, table
from pages._ui.shell.errors import error_box
from pages._ui.shell.text import safe

ON = "map_on"
PREVIEWED = 3
SAMPLE = 1000  # records that are read on each change of the form
_COLUMNS = 4
_LABELS = {
    "prompt": "Prompt",
    "subject": "Subject",
    "target_new": "New answer",
    "target_old": "Old answer",
    "rephrases": "Rephrases",
    "relation": "Relation",
    "locality_prompt": "Locality prompt",
    "locality_answer": "Locality answer",
    "portability_prompt": "Portability prompt",
    "portability_answer": "Portability answer",
    "locality": "Locality, grouped probes",
    "portability": "Portability, grouped probes",
}
_HELP = {
    "prompt": "The sentence up to the answer. The subject stands in it.",
    "target_new": "What the model should say after the edit.",
    "target_old": "What is true now. Several accepted answers: a list, or “ | ” between them.",
    "rephrases": "Other words for the prompt, in one or several columns.",
    "locality": "KnowEdit's {group: [{prompt, ground_truth}]}.",
    "portability": "KnowEdit's {group: [{prompt, ground_truth}]}.",
}


def begin(read: Table, *, unrecognized: bool) -> None:
    """The form's first state for a table that was just read: what its columns' names suggest."""
    columns = read.columns
    guessed = ColumnMapping.guess(columns)
    st.session_state[ON] = unrecognized and bool(columns)
    for part in fields(ColumnMapping):
        several = part.name == "rephrases"
        st.session_state[_key(part.name)] = list(guessed.get(part.name, ())) if several else guessed.get(part.name)


def form(incoming: Incoming) -> None:
    """Draws the form where it is wanted, and reads the table again where it says something else than before."""
    columns = incoming.table.columns
    if not columns:
        return
    wanted = st.toggle("Say what the columns hold", key=ON)
    if wanted:
        st.caption(f"The file has {count(len(columns), 'column')}: {safe(shorten(', '.join(columns), 300))}")
    mapping = _mapping(columns) if wanted else None
    if wanted and mapping is None:
        incoming.fact_set = None
        incoming.mapping = None
        return
    if incoming.fact_set is not None and mapping == incoming.mapping:
        return
    incoming.mapping = mapping
    incoming.fact_set = None
    incoming.sampled = mapping is not None and len(incoming.table.records) > SAMPLE
    sample = replace(incoming.table, records=incoming.table.records[:SAMPLE]) if incoming.sampled else incoming.table
    try:
        incoming.fact_set = sample.facts(mapping)
    except LgaError as error:
        error_box(error)


def _mapping(columns: tuple[str, ...]) -> ColumnMapping | None:
    """The widgets; None while something is missing that every fact needs."""
    values = {}
    places = st.columns(_COLUMNS, gap="small", vertical_alignment="bottom")
    for index, (part, label) in enumerate(_LABELS.items()):
        with places[index % _COLUMNS]:
            if part == "rephrases":
                values[part] = tuple(
                    st.multiselect(label, columns, key=_key(part), help=_HELP[part], placeholder="none")
                )
            else:
                values[part] = st.selectbox(
                    label, columns, index=None, key=_key(part), help=_HELP.get(part), placeholder="none"
                )
    missing = [_LABELS[part].lower() for part in ("prompt", "subject") if values[part] is None]
    if values["target_new"] is None and values["target_old"] is None:
        missing.append("new or old answer")
    if missing:
        hint(f"Choose the column of: {', '.join(missing)}.")
        return None
    return ColumnMapping(**values)


def preview(fact_set: FactSet) -> None:
    """The first facts as they are read."""
    if not fact_set.facts:
        return
    first = fact_set.facts[:PREVIEWED]
    st.caption(f"{'The first ' if len(fact_set.facts) > len(first) else ''}{count(len(first), 'fact')}, as read")
    rows = pd.DataFrame(to_rows(first))
    used = [name for name in CELLS if rows[name].any()]
    table(rows, column_order=["record", *used], widths={"prompt": 280}, about=HELP, labels=LABELS)


def _key(part: str) -> str:
    return f"map_{part}"
