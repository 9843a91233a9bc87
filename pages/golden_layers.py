"""Golden layers: every layer's LGA score over the CMA trace on one axis, the pick, and what it is worth."""

import streamlit as st

from lga_core.models.catalogue import resolve
from lga_core.view.text import count
from lga_core.view.words import spoken
from pages._ui import frame, jobs, sidebar
from pages._ui.answers import Answers, answers_to
from pages._ui.errors import job_outcome
from pages._ui.layers import chart, chosen_layers, hand_over, theme_name
from pages._ui.options import Choices, options_bar, summary
from pages._ui.state import Question, session
from pages._ui.text import fact_label, safe

KEPT = "What was finished is kept and shown below; press Score layers to go on from there."


def welcome() -> None:
    """The first screen: what will be computed, how long it takes, and one button."""
    st.title("Which layer should be edited?")
    st.markdown("Before a fact is edited in a language model, one layer has to be chosen. This page measures, on a "
                "small proxy set of facts, what two methods say about every layer, and lets you try the edit there.")
    parts = (
        ("LGA, the gradients", "For each fact, the inner product of each layer’s gradients for the old and the new "
                               "answer. One pass over the facts; seconds for a small model."),
        ("CMA, the causal trace", "How much of a fact returns when one layer’s state is restored in a corrupted run. "
                                  "Many passes; about a minute for 32 facts in a small model on a CPU."),
        ("The trial edit", "Edit one fact at a layer you choose and read what changed: rewrite, rephrase, locality, "
                           "portability, before and after. The model’s weights are never written."),
    )
    for column, (title, text) in zip(st.columns(3, gap="medium"), parts, strict=True):
        with column.container(border=True, height="stretch"):
            st.markdown(f"**{title}**")
            st.markdown(text)
    question = session().question
    st.button("Score layers", key="score_first", type="primary", icon=":material/bar_chart:", on_click=sidebar.score,
              disabled=question is None or jobs.is_running("score"))
    if question is not None:
        st.caption(f"{described(question)}. The time left is shown in the sidebar; cancel keeps what is finished, and "
                   "the same question is answered from the store.")


def described(question: Question) -> str:
    """ "SmolLM2 135M Instruct · 32 facts of world · seed 0"."""
    known = "known facts" if question.known_only else None
    wanted = f"{question.limit} {known}" if known else count(question.limit, "fact")
    return f"{safe(resolve(question.model).title)} · {wanted} of {safe(question.facts)} · seed {question.seed}"


def answer(question: Question) -> None:
    """Everything about one scored question."""
    known = answers_to(question)
    st.title("Golden layers")
    st.caption(described(question))
    if session().question not in (None, question):
        st.info("The sidebar now asks for something else. Press Score layers to answer it; these are the results from "
                "before.", icon=":material/info:")
    job_outcome(jobs.last_job("score"), KEPT if known.measured else "Press Score layers to start again.")
    if not known.measured:
        if jobs.is_running("score"):
            st.info("The first results appear here as soon as LGA has seen all facts. The sidebar shows the progress.",
                    icon=":material/hourglass_top:")
        return
    results(question, known)


def results(question: Question, known: Answers) -> None:
    """The headline, the figure and what stands below it, read through the options."""
    from lga_core.view.layer_heatmaps import layer_heatmaps
    from pages._ui import golden_tabs  # with torch, which the first screen does not need
    from pages._ui.scored import LGA, read

    place = st.container()
    choices = options_bar()
    lga, cma = read(known, question, choices, LGA), read(known, question, choices, choices.cma)
    with place:
        summed_up(known, choices, lga, cma)
    missing(question, choices, lga is None, cma is None)
    golden = lga.scores.selection.golden_layers if lga is not None else ()
    if golden:
        session().golden = (question.model, golden[0])
    drawn = [item.scores if item is not None and item.scores.n_facts else None for item in (lga, cma)]
    if not any(drawn):
        if lga is not None:
            st.warning("No fact could be used: the table says why.", icon=":material/info:")
            golden_tabs.facts_table(known, lga)
        return
    published = {item.editor: [layer for layer in item.layers if layer < known.layers]
                 for item in resolve(question.model).published}
    figure = layer_heatmaps(
        *drawn, labels={fact.record: fact_label(fact) for fact in known.facts},
        scale=choices.scale, chosen=chosen_layers(known.layers), published=published, theme_name=theme_name())
    chart(figure, "heat", alt(lga, cma, known.layers), choosing=True)
    hand_over(known.layers, golden[:1])
    golden_tabs.show(question, known, choices, lga, cma, figure)


def summed_up(known: Answers, choices: Choices, lga, cma) -> None:
    """The row of numbers, where they come from, and what must be said about them."""
    from lga_core.scores.selection import signs
    from lga_core.view.words import pick_sentence, sign_sentence
    from pages._ui.scored import headline

    headline(lga, cma, len(known.facts))
    origin(known, choices, [item for item in (lga, cma) if item is not None])
    if lga is not None and (found := signs(lga.scores)).all_negative:
        st.info(safe(sign_sentence(lga.scores, found)), icon=":material/info:")
    if cma is not None and cma.scores.selection.golden_layer is None:
        st.caption(safe(pick_sentence(cma.scores)))


def origin(known: Answers, choices: Choices, scored: list) -> None:
    """One line of marks: from the store, partial, and which options differ from the paper's."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if scored and all(item.stored.from_store for item in scored):
            st.badge("Answered from the store", icon=":material/database:", color="gray")
        for item in scored:
            if item.partial and not jobs.is_running("score"):
                share = f"{len(item.scores.rows)} of {count(len(known.facts), 'fact')}"
                st.badge(f"{spoken(item.scores.method)}: partial, {share}",
                         icon=":material/incomplete_circle:", color="orange")
        if differing := summary(choices):
            st.badge(safe(differing), icon=":material/tune:", color="blue")


def missing(question: Question, choices: Choices, no_lga: bool, no_cma: bool) -> None:
    """Say what the options ask for that has not been measured, and offer to do it."""
    if jobs.is_running("score") or not (no_lga or no_cma):
        return
    what = " and ".join(["LGA"] * no_lga + ["this kind of CMA"] * no_cma)
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"{what} has not been measured with these options." if not (no_lga and no_cma) else
                    f"{what} have not been measured with these options.")
        st.button("Measure now", key="measure_missing", type="primary", on_click=sidebar.measure, args=(question,))


def alt(lga, cma, layers: int) -> str:
    """The figure in words, for those who do not see it."""
    picks = [f"{name} picks layer {item.scores.selection.golden_layer}" for name, item in (("LGA", lga), ("CMA", cma))
             if item is not None and item.scores.selection.golden_layer is not None]
    return f"Heatmaps of facts by {layers} layers, with a score per layer below. {'; '.join(picks)}."


frame.require()
if session().asked is None:
    welcome()
else:
    answer(session().asked)
