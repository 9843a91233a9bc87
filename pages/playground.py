"""Playground: a prompt of one's own, put to the original and to the edited model side by side."""

from functools import partial
from typing import Literal

import streamlit as st

from lga_core.data.facts import fact_label
from lga_core.editing.table import editor_title
from lga_core.evaluation.settings import PlaygroundSettings
from lga_core.models.sources.catalogue import resolve
from lga_core.results import PlaygroundReport
from lga_core.service.ledger_requests import PlayRequest
from lga_core.service.ledger_view import LedgerView
from lga_core.service.page_parts.models import can_chat
from lga_core.service.process.jobs import Job
from lga_core.view.figures.edits.lens_table import lens_columns
from lga_core.view.words.edits.rows import next_token_rows
from lga_core.view.words.sentences import cost_sentence, layers_in_words
from lga_core.view.words.text import count
from pages._ui.edits.ledger_jobs import current_ledger, ledger_request
from pages._ui.session.state import Question, Trial, finished_trials, kept, session, widget
from pages._ui.shell import jobs
from pages._ui.shell.charts import chart, theme_name
from pages._ui.shell.elements import act_button, choice, number_field, page_head, table, toggle
from pages._ui.shell.errors import job_outcome
from pages._ui.shell.live import live
from pages._ui.shell.text import plain, safe

AREA = "play"
PROMPT = "play_prompt"
TEXT_SECONDS = 0.5  # how often the texts are drawn while they are written
Source = Literal["ledger", "trial"]


def page(question: Question) -> None:
    """The prompt, then the two answers."""
    session().shown_run = ""  # no text is stored
    ledger = current_ledger(question.model)
    trial = next(reversed(finished_trials(question.model)), None)
    if trial is not None:
        propose_prompt(trial.fact.prompt)
    st.text_area(
        "Prompt",
        key=PROMPT,
        height=80,
        persist_state="session",
        placeholder="Something for the models to continue",
    )
    source = which_edits(ledger, trial)
    settings = choose_settings(question)
    begin = partial(start, question, ledger, trial if source == "trial" else None, settings)
    act_button("Write", "play", begin, icon="play_arrow", type="primary", disabled=jobs.is_running(AREA))
    job = jobs.last_job(AREA, question.model)
    job_outcome(job, "The texts so far are shown.")
    if job is None:
        return
    live("play_texts", lambda: texts(job), running=job.alive, seconds=TEXT_SECONDS)
    if job.result is not None:
        inside(job.result)


def propose_prompt(prompt: str) -> None:
    """Put the edited fact's prompt, once, into a field that is empty or has still the one of an earlier edit."""
    earlier = session().proposed_prompt
    if prompt != earlier and widget(PROMPT, "") in ("", earlier):
        session().proposed_prompt = prompt
        st.session_state[PROMPT] = prompt


def which_edits(ledger: LedgerView, trial: Trial | None) -> Source:
    """The ledger's edits, or the last trial's."""
    words: dict[Source, str] = {"ledger": f"The ledger: {count(len(ledger.enabled), 'edit')} on"}
    if trial is not None:
        at = layers_in_words(trial.report.layers)
        words["trial"] = f"The last trial: {fact_label(trial.fact)}, {editor_title(trial.report.editor)} at {at}"
    first = "trial" if trial is not None and not ledger.enabled else "ledger"
    chosen = st.radio(
        "Edited model",
        list(words),
        index=list(words).index(first),
        format_func=lambda name: safe(words[name]),
        key=f"play_edits_{len(words)}_{first}",
        horizontal=True,
        persist_state="session",
    )
    if chosen == "ledger" and not ledger.enabled:
        st.caption("No edit is on: both sides are the original model. Keep a trial edit, or edit several facts.")
    return chosen


def choose_settings(question: Question) -> PlaygroundSettings:
    """Length, how the next token is chosen, and the chat template."""
    columns = st.columns([1, 1.3, 1, 1, 1, 1.4], gap="small", vertical_alignment="bottom")
    length = number_field("Tokens, at most", 1, 500, 40, "play_length", place=columns[0])
    ways = ["greedy", "sampled"]
    how = choice("Next token", ways, "play_how", "greedy", place=columns[1], format_func=str.capitalize)
    sampled = how == "sampled"
    off = {"disabled": not sampled}
    temperature = number_field("Temperature", 0.05, 5.0, 1.0, "play_temperature", place=columns[2], step=0.05, **off)
    among = "Sample among so many tokens only; 0: among all."
    top_k = number_field("Top k", 0, 1000, 50, "play_top_k", place=columns[3], help=among, **off)
    same = "The same for both models."
    seed = number_field("Seed", 0, 2**31 - 1, 0, "play_seed", place=columns[4], help=same, **off)
    asked_so = resolve(question.model).chat  # the sidebar's choice for every page
    able = False if asked_so else can_chat(question.model)
    about = {
        True: "Puts the prompt as a user’s message.",
        False: "On in the sidebar, for every page." if asked_so else "This model’s tokenizer has no chat template.",
        None: "Whether the tokenizer has one is known once the model’s files are here.",
    }
    chat = toggle("Chat template", "play_chat", place=columns[5], disabled=not able, help=about[able])
    how_sampled = {"temperature": temperature, "top_k": top_k, "seed": seed} if sampled else {}
    return PlaygroundSettings(length=length, chat=bool(chat and able), **how_sampled)


def start(question: Question, ledger: LedgerView, trial: Trial | None, settings: PlaygroundSettings) -> None:
    """Let both models write; with a trial's edit, or without one with the ledger's."""
    if not (widget(PROMPT) or "").strip():
        session().notices.append("The prompt is empty: write something for the models to continue.")
        return
    request = ledger_request(
        PlayRequest,
        question.model,
        prompt=widget(PROMPT, ""),
        settings=settings,
        trial=None if trial is None else trial.request,
    )
    if jobs.start_once(AREA, request, "Writing side by side") is not None:
        edits = f"{count(len(ledger.enabled), 'edit')} of the ledger"
        kept().play_words = edits if trial is None else fact_label(trial.fact)


def texts(job: Job) -> None:
    """Both texts, as far as they are."""
    so_far = job.result or job.published
    prompt = plain(job.request.prompt)
    cursor = "▏" if job.alive else ""
    sides = (
        ("Original", so_far.text_before if so_far else ""),
        (f"Edited · {kept().play_words}", so_far.text_after if so_far else ""),
    )
    for column, (words, text) in zip(st.columns(2, gap="medium"), sides, strict=True):
        with column.container(border=True, height="stretch", gap="small"):
            st.caption(safe(words))
            st.text(prompt + plain(text) + cursor)


def inside(report: PlaygroundReport) -> None:
    """What each model would say next after the prompt, and layer by layer."""
    st.caption(safe(cost_sentence("Written in", report.cost)))
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.markdown("**Next token after the prompt**")
        table(
            next_token_rows(report),
            placeholder="n/a",
            alt="Table of the next tokens",
            widths={"p": 70, "p ": 70},
            right=("p", "p "),
        )
        if report.given != report.prompt:
            with st.expander("What the model was given"):
                st.text(plain(report.given))
    with right:
        chart(
            partial(lens_columns, report.lens_before, report.lens_after, theme_name=theme_name()),
            "lens",
            f"Table of the most probable next token after each of {len(report.lens_before)} layers, original and "
            "edited.",
        )


if asked := page_head("Playground", "The original and the edited model continue the same prompt with the same seed."):
    page(asked)
