"""A button that is pressed right after something was typed, before the page was drawn for it, takes what was typed."""

from streamlit.testing.v1 import AppTest

from pages._ui.edits.ledger_jobs import LEDGER
from tests.pages.driving import kept, quick, wait, words
from tests.pages.edits.driving import edits_page, enabled
from tests.pages.facts.driving import change, chosen, open_page, show


def asked(app: AppTest, area: str):
    """The request of the last job there, which is let end."""
    request = kept(app).jobs[area].request
    wait(app)
    return request


def test_a_trial_edit_has_the_settings_of_the_form(ready: AppTest):
    ready.switch_page("trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    quick(ready)
    ready.number_input(key="set_r-rome_value_steps").set_value(3)
    ready.button(key="edit").click().run()
    assert asked(ready, "edit").settings.value.steps == 3


def test_scores_are_of_the_facts_that_the_sidebar_names(ready: AppTest):
    ready.number_input(key="n").set_value(2)
    ready.number_input(key="seed").set_value(5)
    ready.button(key="score").click().run()
    assert (kept(ready).asked.limit, kept(ready).asked.seed) == (2, 5)
    assert len(asked(ready, "score").proxy.facts) == 2


def test_an_average_is_over_as_many_facts_as_the_field_says(ready: AppTest):
    ready.switch_page("causal_trace.py").run()
    ready.session_state["average_open"] = True
    ready.run()
    ready.number_input(key="average_facts_10").set_value(2)
    ready.button(key="average_trace").click().run()
    assert asked(ready, "average trace").facts == 2


def test_a_sweep_has_the_layers_of_the_slider(ready: AppTest):
    ready.switch_page("layer_sweep.py").run()
    quick(ready)
    ready.slider(key="sweep_layers_4").set_range(1, 2)
    ready.button(key="sweep").click().run()
    assert asked(ready, "sweep").layers == (1, 2)


def test_several_facts_are_edited_with_the_settings_of_the_form(ready: AppTest):
    edits_form(ready)
    next(item for item in ready.number_input if item.key.startswith("first_n")).set_value(2)
    ready.number_input(key="set_r-rome_value_steps").set_value(3)
    ready.button(key="edit_several").click().run()
    request = asked(ready, LEDGER)
    assert len(request.facts) == 2 and request.settings.value.steps == 3


def test_the_playground_writes_as_many_tokens_as_the_field_says(ready: AppTest):
    ready.switch_page("playground.py").run()
    ready.text_area(key="play_prompt").input("The Space Needle is known for").run()
    ready.number_input(key="play_length").set_value(4)
    ready.button(key="play").click().run()
    assert asked(ready, "play").settings.length == 4


def test_a_part_of_a_set_has_the_words_of_the_search(app: AppTest):
    open_page(app)
    app.multiselect(key="facts_relations").set_value(["capital"]).run()
    app.text_input(key="facts_search").input("tokyo")
    app.button(key="use_part").click().run()
    assert [fact.subject for fact in chosen(app).facts] == ["Japan"]


def test_a_half_has_the_share_of_the_field(ready: AppTest):
    show(open_page(ready), "split")
    ready.number_input(key="split_share").set_value(40)
    ready.button(key="use_proxy").click().run()
    assert chosen(ready).name.endswith("proxy, 40 %, seed 0") and len(chosen(ready).facts) == 4


def test_a_changed_set_has_its_last_cell(ready: AppTest):
    show(open_page(ready), "edit")
    change(ready, {"edited_rows": {"0": {"target_new": "Lima"}}})
    name = next(field for field in ready.text_input if (field.key or "").startswith("edited_name"))
    name.input("Mine")
    ready.button(key="keep_edited").click().run()
    assert chosen(ready).name == "Mine" and chosen(ready).facts[0].target_new == "Lima"


def test_a_change_of_the_ledger_that_comes_too_early_is_told(ready: AppTest):
    edits_form(ready)
    edits_page(ready)
    first, second, *_ = (item for item in ready.toggle if (item.key or "").startswith("on_"))
    first.set_value(False)
    second.set_value(False)
    ready.run()
    assert "Not done" in words(ready)
    wait(ready)
    assert enabled(ready).count(False) == 1


def edits_form(app: AppTest) -> AppTest:
    """The page Edits, open on several facts, with a layer chosen and short searches."""
    app.switch_page("edits.py").run()
    app.segmented_control(key="edits_view").set_value("several").run()
    app.multiselect(key="layers").set_value([1]).run()
    return quick(app)
