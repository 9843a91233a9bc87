"""What is to be swept: editor and settings, layers, the facts that judge; what it takes, and the buttons."""

from typing import Any

import streamlit as st

from lga_core.data.facts import FactSet
from lga_core.view.sweep_words import remaining, remaining_sentence
from lga_core.view.text import count
from pages._ui import editors, facts_sets, jobs, sweeping
from pages._ui.errors import job_outcome
from pages._ui.facts import fact_set, fingerprint
from pages._ui.model import shelf
from pages._ui.moments import moment_note
from pages._ui.state import Question
from pages._ui.sweeping import SweepQuestion, Swept, TestChoice

AREA = "sweep"
NONE, REST = "none", "rest"
DEFAULT_TEST = 32


def form(question: Question, layers: int) -> SweepQuestion | None:
    """The choices; None where the settings are not allowed."""
    left, middle, right, last = st.columns([2, 3, 2, 1], gap="medium", vertical_alignment="bottom")
    editor = editors.editor_select(left)
    first, end = middle.slider("Layers", 0, layers - 1, (0, layers - 1), key=f"sweep_layers_{layers}",
                               persist_state="session", disabled=layers < 2,
                               help="Every layer from the first to the second is edited alone.")
    test = _test_choice(question, right, last)
    editors.about(editor)
    settings = editors.chosen_settings(editor)
    if settings is None:
        return None
    return SweepQuestion(question=question, editor=editor, settings=settings, layers=tuple(range(first, end + 1)),
                         test=test)


def _test_choice(question: Question, place: Any, beside: Any) -> TestChoice | None:
    others = [name for name in facts_sets.names() if name != question.facts]
    words = {NONE: "None: in-sample", REST: "Others of this set"}
    chosen = place.selectbox("Test facts", [NONE, REST, *others], key="sweep_test", persist_state="session",
                             format_func=lambda name: words.get(name) or facts_sets.title(name),
                             help="Swept after the proxy. Picks that were made on the proxy are judged on these; no "
                                  "subject stands in both. Without them the judgement is in-sample.")
    most = max(len(fact_set(question.facts if chosen in words else chosen).facts), 1)
    limit = beside.number_input("At most", 1, most, min(DEFAULT_TEST, most), key=f"sweep_test_n_{most}",
                                persist_state="session", disabled=chosen == NONE)
    if chosen == NONE:
        return None
    found = fact_set(question.facts if chosen == REST else chosen)
    return TestChoice(facts=found.name, fingerprint=fingerprint(found), limit=int(limit))


def sets_of(asked: SweepQuestion) -> dict[str, FactSet]:
    """The fact sets that it is about, by name."""
    names = {asked.question.facts} | ({asked.test.facts} if asked.test is not None else set())
    return {name: fact_set(name) for name in names}


def running(asked: SweepQuestion) -> bool:
    """Whether this very sweep, or its estimate, is being measured, here or in another session."""
    found = [jobs.registry().get((AREA, key)) for key in (asked, ("first batch", asked))]
    return any(job is not None and job.alive for job in found)


def start_bar(asked: SweepQuestion, found: Swept) -> None:
    """What the sweep takes, said before it starts, and the buttons that start it."""
    told = moment_note(asked.question, asked.layers, asked.settings)
    busy, sweeps = jobs.is_running(AREA), list(found.sweeps.values())
    done, total, _seconds = remaining(sweeps)
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="sweep_bar"):
        st.markdown(_takes(asked, found), width="stretch")
        if not done:
            st.button("Estimate", key="sweep_estimate", icon=":material/timer:", disabled=busy or not told,
                      on_click=_start, args=(asked, found), kwargs={"first_batch": True},
                      help="Measures the first batch of edits, which is kept, and projects the time of the others.")
        complete = bool(total) and done == total and _all_parts(asked, found)
        st.button("Go on" if done and not complete else "Sweep", key="sweep",
                  type="secondary" if complete else "primary", icon=":material/stacked_line_chart:",
                  disabled=busy or not told or complete, on_click=_start, args=(asked, found))
    job_outcome(jobs.last_job(AREA), "What was finished is kept and shown below; go on from there.")


def _all_parts(asked: SweepQuestion, found: Swept) -> bool:
    return asked.test is None or "test" in found.found


def _takes(asked: SweepQuestion, found: Swept) -> str:
    """The size and the time, as far as they can be told."""
    if not found.found:
        facts = asked.question.limit + (asked.test.limit if asked.test is not None else 0)
        return (f"Up to {count(facts * len(asked.layers), 'edit')}: {count(facts, 'fact')} × "
                f"{count(len(asked.layers), 'layer')}. **Time: not known yet.**")
    parts = [f"{count(len(sweep.records), f'{part} fact')}" for part, sweep in found.sweeps.items()]
    return (f"{' and '.join(parts)} × {count(len(asked.layers), 'layer')}. "
            f"**{remaining_sentence(list(found.sweeps.values()))}**")


def _start(asked: SweepQuestion, found: Swept, *, first_batch: bool = False) -> None:
    on, sets = shelf(), sets_of(asked)
    title = "Estimating the sweep" if first_batch else f"Sweeping with {editors.title(asked.editor)}"
    jobs.start(AREA, ("first batch", asked) if first_batch else asked, title,
               lambda: sweeping.sweep_steps(on, asked, sets, found, first_batch=first_batch))
