"""The reproduction study's finished units: the paper's comparison, measured beforehand and kept with the code."""

import pandas as pd
import streamlit as st

from lga_core.results import StudyUnit
from lga_core.runs.study import kept_units
from lga_core.view.study import study_table, unit_title
from lga_core.worth.study import table_rows
from pages._ui.text import safe

FRESH_SECONDS = 60                           # a unit that is finished meanwhile is seen after this


@st.cache_resource(ttl=FRESH_SECONDS, show_spinner=False)
def tables() -> dict[str, tuple[StudyUnit, pd.DataFrame]]:
    """Every unit with its table, by name."""
    return {_name(unit): (unit, pd.DataFrame(study_table(table_rows(unit))).map(safe).set_index("selector"))
            for unit in kept_units()}


def study() -> None:
    """One unit at a time, in the paper's shape."""
    found = tables()
    if not found:
        return
    with st.expander("The paper's comparison, measured beforehand", icon=":material/table_view:", key="study_units"):
        unit, table = found[st.selectbox("Unit", found, key="study_unit")]
        st.table(table, border="horizontal", alt="Table of what each selector's layer is worth on held-out facts")
        st.caption(f"{safe(unit_title(unit))}. Picks are from {len(unit.proxy.records)} proxy facts of the set's other "
                   "half, no subject in both. Percent, teacher-forced, n in brackets; brackets beside Overall and "
                   "regret: 95 % of bootstrap draws over the test facts. Rows: sequences through the model that the "
                   f"pick cost. `{unit.command}`")


def _name(unit: StudyUnit) -> str:
    return f"{unit.provenance.model} · {unit.title} · {unit.editor}"
