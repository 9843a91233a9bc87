"""Playground: a prompt of one's own, put to the original and to the edited model side by side."""

import pandas as pd
import streamlit as st

from lga_core.evaluation.playground import PlaygroundSettings, can_chat
from lga_core.models.catalogue import resolve
from lga_core.results import PlaygroundReport, TokenChoice
from lga_core.view.lens import lens_columns
from lga_core.view.text import count, number
from lga_core.view.words import cost_sentence
from pages._ui import frame, jobs, model
from pages._ui.book import Book, book_of
from pages._ui.editors import title
from pages._ui.errors import job_outcome
from pages._ui.layers import chart, in_words, theme_name
from pages._ui.playing import Playing, Source, play_steps
from pages._ui.state import Question, Trial, session, widget
from pages._ui.text import fact_label, plain, safe

AREA = "play"
POLL_SECONDS = 0.3


def page(question: Question) -> None:
    """The prompt, then the two answers."""
    book, trial = book_of(question.model), last_trial(question)
    running = jobs.is_running(AREA)
    prompt = st.text_area("Prompt", key="play_prompt", height=80, persist_state="session",
                          placeholder="Something for the models to continue")
    source = which_edits(book, trial)
    settings = choose_settings(question)
    st.button("Write", key="play", type="primary", icon=":material/play_arrow:",
              disabled=running or not (prompt or "").strip(), on_click=start, args=(question, book, source, settings))
    job_outcome(jobs.last_job(AREA), "The texts so far are shown.")
    playing = session().playing
    if playing is None or playing.model != question.model:
        return
    texts(playing)
    if playing.report is not None:
        inside(playing.report)


def last_trial(question: Question) -> Trial | None:
    """The last trial edit of this session with this model."""
    return next((trial for trial in reversed(session().trials) if trial.question.model == question.model), None)


def which_edits(book: Book, trial: Trial | None) -> Source:
    """The ledger's edits, or the last trial's."""
    words: dict[Source, str] = {"ledger": f"The ledger: {count(len(book.ledger.enabled), 'edit')} on"}
    if trial is not None:
        at = in_words(trial.report.layers)
        words["trial"] = f"The last trial: {fact_label(trial.fact)}, {title(trial.report.editor)} at {at}"
    first = "trial" if trial is not None and not book.ledger.enabled else "ledger"
    chosen = st.radio("Edited model", list(words), index=list(words).index(first), format_func=lambda name: safe(
        words[name]), key=f"play_edits_{len(words)}_{first}", horizontal=True, persist_state="session")
    if chosen == "ledger" and not book.ledger.enabled:
        st.caption("No edit is on: both sides are the original model. Keep a trial edit, or edit several facts.")
    return chosen


def choose_settings(question: Question) -> PlaygroundSettings:
    """Length, how the next token is chosen, and the chat template."""
    columns = st.columns([1, 1.3, 1, 1, 1, 1.4], gap="small", vertical_alignment="bottom")
    length = columns[0].number_input("Tokens, at most", 1, 500, 40, key="play_length", persist_state="session")
    sampled = columns[1].segmented_control("Next token", ["greedy", "sampled"], key="play_how", default="greedy",
                                           required=True, format_func=str.capitalize,
                                           persist_state="session") == "sampled"
    temperature = columns[2].number_input("Temperature", 0.05, 5.0, 1.0, 0.05, key="play_temperature",
                                          disabled=not sampled, persist_state="session")
    top_k = columns[3].number_input("Top k", 0, 1000, 50, key="play_top_k", disabled=not sampled,
                                    persist_state="session", help="Sample among so many tokens only; 0: among all.")
    seed = columns[4].number_input("Seed", 0, 2**31 - 1, 0, key="play_seed", disabled=not sampled,
                                   persist_state="session", help="The same for both models.")
    loaded = model.shelf().peek(question.model)
    able = loaded is not None and can_chat(loaded)
    chat = columns[5].toggle("Chat template", key="play_chat", disabled=not able, persist_state="session", help=(
        "Puts the prompt as a user’s message." if able else "This model’s tokenizer has no chat template."
        if loaded is not None else "Whether the tokenizer has one is known once the model is loaded."))
    if not sampled:
        return PlaygroundSettings(length=length, chat=chat and able)
    return PlaygroundSettings(length=length, temperature=temperature, top_k=top_k, seed=seed, chat=chat and able)


def start(question: Question, book: Book, source: Source, settings: PlaygroundSettings) -> None:
    """Let both models write."""
    if jobs.is_running(AREA):
        return                               # a second click that was faster than the page
    on, memory = model.shelf(), session()
    trial = last_trial(question) if source == "trial" else None
    words = f"{count(len(book.ledger.enabled), 'edit')} of the ledger" if trial is None else fact_label(trial.fact)
    memory.playing = playing = Playing(model=question.model, prompt=widget("play_prompt", ""), edits=words)
    book.started += 1
    jobs.start(AREA, (book.id, book.started), "Writing side by side",
               lambda: play_steps(on, book, playing, settings, trial))


def texts(playing: Playing) -> None:
    """Both texts, as far as they are. While they are written, this part alone is drawn again."""
    live = jobs.is_running(AREA)

    @st.fragment(run_every=POLL_SECONDS if live else None, key="play_poll")
    def poll() -> None:
        sides = (("Original", playing.before), (f"Edited · {playing.edits}", playing.after))
        for column, (words, text) in zip(st.columns(2, gap="medium"), sides, strict=True):
            with column.container(border=True, height="stretch", gap="small"):
                st.caption(safe(words))
                st.text(plain(playing.prompt) + plain(text) + ("▏" if jobs.is_running(AREA) else ""))

    poll()


def inside(report: PlaygroundReport) -> None:
    """What each model would say next after the prompt, and layer by layer."""
    st.caption(safe(cost_sentence("Written in", report.cost)))
    left, right = st.columns([2, 3], gap="large")
    with left:
        st.markdown("**Next token after the prompt**")
        next_tokens(report)
        if report.given != report.prompt:
            with st.expander("What the model was given"):
                st.text(plain(report.given))
    with right:
        chart(lens_columns(report.lens_before, report.lens_after, theme_name=theme_name()), "lens",
              f"Table of the most probable next token after each of {len(report.lens_before)} layers, original and "
              "edited.")


def next_tokens(report: PlaygroundReport) -> None:
    """The most probable ones of both models."""
    st.dataframe(pd.DataFrame({
        "original": _tokens(report.next_before), "p": _shares(report.next_before),
        "edited": _tokens(report.next_after), "p ": _shares(report.next_after),
    }), hide_index=True, width="stretch", placeholder="n/a", alt="Table of the next tokens", column_config={
        name: st.column_config.TextColumn(alignment="right", width=70) for name in ("p", "p ")})


def _tokens(choices: tuple[TokenChoice, ...]) -> pd.Series:
    return pd.Series([choice.token.replace(" ", "·").replace("\n", "⏎") for choice in choices], dtype=object)


def _shares(choices: tuple[TokenChoice, ...]) -> pd.Series:
    return pd.Series([number(choice.probability, 3) for choice in choices], dtype=object)


frame.require()
st.title("Playground")
if session().question is None:
    st.info("Choose a model and a proxy set in the sidebar.", icon=":material/info:")
else:
    st.caption(f"{safe(resolve(session().question.model).title)} · the original and the edited model continue the same "
               "prompt with the same seed.")
    page(session().question)
