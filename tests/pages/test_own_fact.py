"""One's own fact on the first page: typed in one line, scored as a set of its own, and taken to trace and trial."""

from streamlit.testing.v1 import AppTest

from tests.pages.driving import kept, metrics, wait, words


def type_fact(app: AppTest, **texts: str) -> None:
    for part, text in texts.items():
        app.text_input(key=f"own_{part}").input(text)


def test_one_line_is_scored_as_a_set_of_its_own_and_goes_on_to_trace_and_trial(ready: AppTest):
    type_fact(ready, line="The capital of [France] is", new="Rome", old="Paris")
    ready.text_area(key="own_rephrases").input("[France] is\nFrance is governed from")
    ready.text_area(key="own_locality").input("The capital of Spain is | Madrid")
    ready.button(key="own_score").click().run()
    assert ready.selectbox(key="facts").value == "France → Rome" and ready.number_input(key="n").value == 1
    (fact,) = kept(ready).sets["France → Rome"].facts
    assert (fact.prompt, fact.subject, fact.target_old) == ("The capital of France is", "France", ("Paris",))
    assert fact.rephrases == ("[France] is", "France is governed from") and len(fact.locality) == 1
    wait(ready)
    assert metrics(ready)["Facts used"] == "1 of 1" and not ready.error and "results from before" not in words(ready)
    assert {"Trace this fact", "Edit this fact"} <= {link.proto.label for link in ready.get("page_link")}
    for page, button in (("causal_trace", "trace"), ("trial_edit", "edit")):
        ready.switch_page(f"{page}.py").run()
        (chosen,) = (box for box in ready.selectbox if box.label == "Fact")
        assert len(chosen.options) == 1 and "France" in chosen.options[0]
        assert not ready.button(key=button).disabled


def test_without_an_old_answer_the_models_own_is_offered_and_used(ready: AppTest):
    type_fact(ready, line="The capital of [France] is", new="Rome")
    ready.button(key="own_ask").click().run()
    wait(ready)
    assert "The model continues “The capital of France is” with" in words(ready) and not ready.error
    assert ready.selectbox(key="facts").value == "ten.json"  # nothing is chosen yet
    ready.button(key="own_score").click().run()
    wait(ready)
    (row,) = kept(ready).jobs["score"].request.proxy.candidates
    assert row.target_old == () and "the model’s own." in words(ready) and metrics(ready)["Facts used"] == "1 of 1"
    ready.button(key="own_take").click().run()
    assert ready.text_input(key="own_old").value


def test_a_wrong_mark_is_one_box_and_changes_nothing(ready: AppTest):
    type_fact(ready, line="The capital of France is", new="Rome")
    ready.button(key="own_score").click().run()
    assert len(ready.error) == 1 and "No subject is marked" in words(ready)
    assert ready.selectbox(key="facts").value == "ten.json" and "score" not in kept(ready).jobs
    type_fact(ready, line="The capital of [France] is")
    ready.button(key="own_ask").click().run()
    assert not ready.error
