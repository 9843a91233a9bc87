"""The table of LGA's readings on the golden-layers page: loss by old answer, and a button for those not measured."""

import streamlit as st

from lga_core.service.reading.method_scores import ScoreChoices
from lga_core.service.reading.readings import reading_rows, unmeasured_readings
from lga_core.service.reading.stored import ScoredFacts
from lga_core.view.words.text import count
from pages._ui.frame import sidebar
from pages._ui.shell import jobs
from pages._ui.shell.elements import table


def show(known: ScoredFacts, choices: ScoreChoices) -> None:
    """Every reading's pick; nothing is measured unless the button is pressed."""
    table(
        reading_rows(known, choices),
        alt="Table of LGA's pick for each loss and old answer",
        placeholder="n/a",
        digits={"picked in, %": 0, "ρ with the one shown": 2},
        about={"facts": "Facts that the pick is from"},
    )
    st.caption(
        "The paper leaves open over which tokens the loss is a mean, and whose old answer is meant. The options "
        "choose which reading the page shows."
    )
    missing = unmeasured_readings(known, choices)
    if missing:
        st.button(
            f"Measure {count(len(missing), 'reading')}",
            key="measure_readings",
            disabled=jobs.is_running("score"),
            on_click=sidebar.measure_more,
            args=((), missing),
            help="Each takes as long as LGA did.",
        )
