"""What a new tab, a link and an opened run show."""

from streamlit.testing.v1 import AppTest

from lga_core.runs.storage.store import Store
from tests.pages.driving import kept, metrics, wait, words
from tests.pages.runs.driving import address, choose, header, new_tab, recognized


def test_a_new_tab_a_link_and_open_show_what_was_there(scored: AppTest):
    lga = header("gradients")
    assert (scored.query_params["run"], scored.query_params["layers"]) == (header("r-rome").key[:16], "1")
    scored.switch_page("golden_layers.py").run()
    shown, question = metrics(scored), kept(scored).asked
    assert scored.query_params["run"] == lga.key[:16]

    other = new_tab("another")  # without the uploaded set: its facts come from the store
    assert metrics(other)["Golden layer"] == shown["Golden layer"] and "Answered from the store" in words(other)
    assert kept(other).asked.facts.startswith("ten.json (run") and kept(other).asked.limit == 4
    other.switch_page("trial_edit.py").run()
    assert "R-ROME at layer 1" in words(other)

    linked = new_tab("a third", run=lga.key[:16], layers="0,3")
    assert metrics(linked)["Golden layer"] == shown["Golden layer"]
    assert linked.multiselect(key="layers").value == [0, 3]
    unknown = new_tab("a fourth", run="abcdef0123456789", n="7")
    assert "no stored run" in words(unknown) and unknown.number_input(key="n").value == 7
    assert "Shown is its question" in words(unknown)
    unknown.session_state["lga"].reopening = ("fedcba9876543210",)
    unknown.run()
    assert "no stored run" in words(unknown) and "Shown is its question" not in words(unknown)

    scored.number_input(key="n").set_value(9).run()
    scored.switch_page("runs.py").run()
    choose(scored, lga.key)
    scored.button(key="open_run").click().run()
    scored.switch_page("golden_layers.py").run()  # where the test runner stays
    assert kept(scored).asked == question and scored.number_input(key="n").value == 4


def test_a_link_without_its_run_shows_what_the_store_has_of_its_question(ready: AppTest, model_folder):
    """Nothing is computed for it; what the store has not, or not whole, is asked with the button."""
    ready.selectbox(key="facts").select("world").run()
    ready.number_input(key="n").set_value(4).run()
    ready.number_input(key="seed").set_value(3).run()
    ready.button(key="score").click().run()
    wait(ready)
    shown, question = metrics(ready), kept(ready).asked
    link = {"model": "Hub id or local folder", "other_model": str(model_folder), "n": "4", "seed": "3"}

    linked = new_tab("another", **link)
    assert kept(linked).asked == question and metrics(linked) == shown and not kept(linked).jobs
    assert "Answered from the store" in words(linked)
    assert address(linked)["run"] == header("gradients").key[:16]
    for number, other in enumerate(({"n": "5"}, {"seed": "4"}, {"facts": "own.json"}, {"loss": "answer alone"})):
        asked = new_tab(f"other {number}", **{**link, **other})
        assert kept(asked).asked is None and asked.button(key="score_first"), other

    elsewhere = new_tab("another", **{**link, "seed": "4"})  # in the very tab that shows the answer
    assert kept(elsewhere).asked == question and "asks for something else" in words(elsewhere)
    assert kept(new_tab("another", **link)).asked == question


def test_where_no_score_of_the_page_is_measured_it_offers_to_measure_them(ready: AppTest, model_folder):
    """As where a run of another score is opened, which the command line has measured."""
    ready.selectbox(key="facts").select("world").run()
    ready.number_input(key="n").set_value(4).run()
    question = ready.session_state["lga"].question
    kept(ready).ask_store(question)
    ready.run()
    assert "LGA and this kind of CMA have not been measured with these options." in words(ready)
    ready.button(key="measure_missing").click().run()
    wait(ready)
    assert metrics(ready)["Facts used"] == "4 of 4"


def test_a_link_to_a_set_that_is_not_here_says_so(ready: AppTest, model_folder):
    link = {"model": "Hub id or local folder", "other_model": str(model_folder), "n": "2"}
    assert "The set own.json of this link is not here." in words(new_tab("first", **link, facts="own.json"))
    assert "of this link is not here" not in words(new_tab("second", **link, facts="World facts"))


def test_the_layers_of_a_link_win_when_it_is_opened_and_then_what_is_chosen(ready: AppTest):
    ready.number_input(key="n").set_value(4).run()
    ready.button(key="score").click().run()
    wait(ready)
    ready.multiselect(key="layers").set_value([1]).run()
    recognized(ready, "tab")
    query = dict(address(ready))

    reloaded = new_tab("tab", **query)
    assert reloaded.multiselect(key="layers").value == [1] and kept(reloaded) is kept(ready)
    linked = new_tab("tab", **{**query, "layers": "0,3"})  # in this very tab, which has others
    assert linked.multiselect(key="layers").value == [0, 3]
    linked.multiselect(key="layers").set_value([2]).run()
    assert address(linked)["layers"] == "2"
    bare = new_tab("tab")
    assert bare.session_state["layers"] == [2], "no link: as the tab had it last"
    nothing = new_tab("tab", **{name: value for name, value in query.items() if name != "layers"})
    assert nothing.multiselect(key="layers").value == [], "its sender had chosen none"


def test_the_layers_and_the_fact_of_a_link_win_over_those_of_its_run(scored: AppTest):
    edit = header("r-rome")
    linked = new_tab("another", run=edit.key[:16], layers="0,3", fact="5")
    assert linked.session_state["layers"] == [0, 3] and linked.session_state["lga"].fact == 5
    plain = new_tab("a third", run=edit.key[:16])
    assert plain.session_state["layers"] == [1]


def test_a_trial_that_was_stopped_is_opened_with_what_it_had_measured(scored: AppTest):
    edit = header("r-rome")
    rows = Store().path(edit.key, ".jsonl")
    rows.write_bytes(b"".join(rows.read_bytes().splitlines(keepends=True)[:-1]))  # without the whole report
    Store().path(edit.key, ".done").unlink()
    linked = new_tab("another", run=edit.key[:16])
    linked.switch_page("trial_edit.py").run()
    assert "R-ROME at layer 1" in words(linked) and "drift and fluency: not measured" in words(linked)
    assert "Rewrite, n 1" in metrics(linked) and "not recorded" not in words(linked) and not linked.exception
