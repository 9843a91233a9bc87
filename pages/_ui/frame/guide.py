"""The guided path: five steps from a model and facts to a sweep, ticked off as they are done; it can be dismissed and
called back."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages._ui.session.state import SCORE, finished_trials, kept, session
from pages._ui.shell import jobs
from pages._ui.shell.elements import button
from pages._ui.shell.engine import store
from pages._ui.shell.layer_choice import readers_layers

SWEEPS = ("sweep", "every layer")  # what a sweep's jobs are kept under
# Streamlit marks each link to the page that is shown. Two steps are on one page; the next step is the bold one.
LOOK = """
.st-key-guide [data-testid="stPageLink-NavLink"]:not(:hover) { background-color: transparent; }
.st-key-guide [data-testid="stPageLink-NavLink"] p { font-weight: inherit; }
"""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step, the page where it is taken, and how to tell that this session has taken it."""

    words: str
    page: str
    about: str
    done: Callable[[], bool]


def show() -> None:
    """One calm line. Nothing before the browser has said whether it was dismissed earlier."""
    if not session().recognized or kept().guide_off:
        return
    done = [step.done() for step in STEPS]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="guide"):
        for place, step in enumerate(STEPS):
            is_next = not done[place] and all(done[:place])
            st.page_link(
                f"{step.page}.py",
                label=f":gray[{step.words}]" if done[place] else f"**{step.words}**" if is_next else step.words,
                icon=":material/check_circle:" if done[place] else f":material/counter_{place + 1}:",
                help=f"{'Done. ' if done[place] else ''}{step.about}",
            )
        about = (
            "This browser does not show the five steps again, until the button at the end of the sidebar is pressed."
        )
        if button("Dismiss", "dismiss_guide", None, icon="close", type="tertiary", help=about):
            kept().guide_off = True
            st.rerun()  # the sidebar, too


def show_again_button() -> None:
    """At the end of the sidebar, where the path was dismissed."""
    if session().recognized and kept().guide_off:
        button("Show the five steps", "show_guide", _call_back, icon="route", type="tertiary")


def _call_back() -> None:
    kept().guide_off = False


def _asks() -> bool:
    return session().question is not None


def _scored() -> bool:
    """A job of this tab has scored layers, or scores of this machine were opened."""
    job = jobs.last_job(SCORE)
    if job is not None:
        return job.result is not None
    return kept().asked is not None and not _is_recorded(kept().scores or kept().run)


def _chose() -> bool:
    """A layer that a page has proposed counts once it was tried."""
    return bool(readers_layers()) or _tried()


def _tried() -> bool:
    stored = [trial.stored for trial in finished_trials()]
    return any(item is not None and not _is_recorded(item.provenance.key) for item in stored)


def _swept() -> bool:
    swept = [jobs.last_job(area) for area in SWEEPS]
    return any(job is not None and job.snapshot().state == "finished" for job in swept)


def _is_recorded(run: str | None) -> bool:
    """Whether it comes from the recorded example."""
    return run is not None and store().is_recorded(run)


STEPS = (
    Step(
        words="Choose model and facts",
        page="facts",
        about="In the sidebar: the model to edit, and the proxy set of facts that stands for those to be edited.",
        done=_asks,
    ),
    Step(
        words="Score the layers",
        page="golden_layers",
        about="LGA, the causal trace and the forecast say for every layer how promising an edit there is.",
        done=_scored,
    ),
    Step(
        words="Read the answer",
        page="golden_layers",
        about="The sentence on top names a layer and what such picks were worth. Choose that layer, or click another.",
        done=_chose,
    ),
    Step(
        words="Try the edit",
        page="trial_edit",
        about="Edit one fact at the chosen layer and read what changed, and what should not have.",
        done=_tried,
    ),
    Step(
        words="Sweep and compare",
        page="layer_sweep",
        about="Edit at every layer: the measured truth, beside what each method had picked.",
        done=_swept,
    ),
)
