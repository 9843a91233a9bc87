"""The options of the scores in a page's address."""

from streamlit.testing.v1 import AppTest

from tests.pages.conftest import APP
from tests.pages.driving import kept, metrics, wait, words
from tests.pages.runs.driving import address, header, new_tab, recognized


def test_a_link_is_asked_with_its_options(ready: AppTest, model_folder):
    link = {"model": "Hub id or local folder", "other_model": str(model_folder), "n": "2", "seed": "3"}
    asked = new_tab("first", **link, loss="answer alone", old="always the model's own")
    asked.button(key="score_first").click().run()
    wait(asked)
    assert "measure_missing" not in [button.key for button in asked.button]
    assert asked.selectbox(key="loss").value == "answer"
    scored = header("gradients").provenance.settings
    assert (scored["loss"], scored["old"]) == ("answer", "model")

    linked = new_tab("second", **link, loss="answer alone", old="always the model's own")
    assert metrics(linked) == metrics(asked) and not kept(linked).jobs
    assert (linked.selectbox(key="loss").value, linked.selectbox(key="old").value) == ("answer", "model")
    assert kept(new_tab("third", **link)).asked is None


def test_the_options_of_a_page_that_does_not_show_them_are_in_its_address(ready: AppTest, model_folder):
    link = {"model": "Hub id or local folder", "other_model": str(model_folder), "n": "2", "seed": "3"}
    asked = new_tab("first", **link, loss="answer alone", kappa="2.0")
    asked.button(key="score_first").click().run()
    wait(asked)
    asked.selectbox(key="scope").select("attention").run()
    assert "options" not in address(asked), "each stands there by its own name"
    asked.switch_page("facts.py").run()
    assert address(asked)["options"] == "kappa:2.0,scope:attention,loss:answer"

    linked = AppTest.from_file(str(APP), default_timeout=900)  # the same address, in another browser or reloaded
    for name, value in address(asked).items():
        linked.query_params[name] = value
    linked.switch_page("facts.py")
    recognized(linked, "second")
    assert kept(linked).asked == kept(asked).asked and not kept(linked).jobs
    assert address(linked)["options"] == address(asked)["options"]
    linked.switch_page("golden_layers.py").run()
    chosen = [linked.selectbox(key="loss").value, linked.selectbox(key="scope").value]
    assert [*chosen, linked.number_input(key="kappa").value] == ["answer", "attention", 2.0]
    assert "options" not in address(linked) and "no fences" not in words(linked)
    linked.selectbox(key="loss").select("sequence").run()
    linked.switch_page("facts.py").run()
    assert address(linked)["options"] == "kappa:2.0,scope:attention"


def test_fences_are_read_from_an_address_before_their_widgets_are_there(ready: AppTest, model_folder):
    link = {"model": "Hub id or local folder", "other_model": str(model_folder), "n": "2", "fenced": "false"}
    linked = AppTest.from_file(str(APP), default_timeout=900)
    for name, value in link.items():
        linked.query_params[name] = value
    recognized(linked.switch_page("facts.py"), "first")
    assert address(linked)["options"] == "fenced:False"
