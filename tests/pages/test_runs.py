"""The page of stored runs, and what a new tab and a link open with."""

import json
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from lga_core.data.facts import fact_label
from lga_core.errors import LgaError
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Run, Store
from tests.pages.conftest import APP
from tests.pages.driving import RECORDS, kept, metrics, name_model, upload, wait, words


@pytest.fixture
def scored(ready: AppTest) -> AppTest:
    """Four facts are scored and one is edited; both runs are the last ones of the store."""
    ready.number_input(key="n").set_value(4).run()
    ready.button(key="score").click().run()
    wait(ready)
    ready.switch_page("trial_edit.py").run()
    ready.multiselect(key="layers").set_value([1]).run()
    ready.selectbox(key="set_r-rome_covariance").select("identity").run()
    ready.button(key="edit").click().run()
    return wait(ready)


def header(kind: str):
    """The last run of this kind."""
    return next(item for item in RunIndex(Store()).headers() if item.kind.name == kind)


def new_tab(name: str, **query: str) -> AppTest:
    """A tab of another browser on the same server, or a reload of one, which has just said its name."""
    tab = AppTest.from_file(str(APP), default_timeout=900)
    for key, value in query.items():
        tab.query_params[key] = value
    return recognized(tab, name)


def recognized(tab: AppTest, name: str) -> AppTest:
    """The next run of this tab is the one in which the browser says its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pages._ui.session.tab._component", lambda **_: SimpleNamespace(name=name))
        tab.run()
    assert not tab.exception
    return tab


def choose(app: AppTest, *keys: str) -> AppTest:
    app.multiselect(key="runs_chosen").set_value(list(keys)).run()
    assert not app.exception
    return app


def test_runs_are_listed_named_replayed_compared_deleted_and_brought_back_and_a_damaged_one_is_told(scored: AppTest):
    lga, edit = header("gradients"), header("r-rome")
    scored.switch_page("runs.py").run()
    scored.text_input(key="runs_search").input("R-ROME tiny-llama").run()
    (listed,) = (frame.value for frame in scored.dataframe if "took" in frame.value.columns)
    assert edit.key[:8] in set(listed["key"]) and lga.key[:8] not in set(listed["key"])
    edited = listed.set_index("key").loc[edit.key[:8]]
    assert edited["facts"].endswith(f" · {fact_label(kept(scored).trials[-1].request.fact)}")

    shown = fact_label(kept(scored).trials[-1].request.fact)
    scored.text_input(key="runs_search").input(shown).run()
    (listed,) = (frame.value for frame in scored.dataframe if "took" in frame.value.columns)
    found = set(listed["key"])  # other tests of this process may have edited the same fact in the same store
    assert edit.key[:8] in found and lga.key[:8] not in found, "what the table shows is found"

    scored.text_input(key="runs_search").input("").run()
    choose(scored, lga.key)
    scored.text_input(key=f"name_{lga.key}").input("My scores").run()
    assert Store().find(lga.key).notes.title == "My scores" and scored.subheader[0].value == "My scores"
    assert "'limit': 4" in str(Store().find(lga.key).notes.origins[0].question)
    scored.button(key="replay_run").click().run()
    wait(scored)
    assert any("Identical to the last digit" in item.value for item in scored.success)

    choose(scored, lga.key, edit.key)
    text = words(scored)
    assert "Settings that differ" in text and metrics(scored)["Edited at"] == "layer 1"

    choose(scored, edit.key)
    scored.button(key="delete_run").click().run()
    assert Store().find(edit.key) is None and "was deleted" in words(scored)
    scored.button(key="undo_delete").click().run()
    assert Store().find(edit.key) is not None and "was deleted" not in words(scored)

    Store().path(edit.key, ".json").write_text("{")
    scored.run()
    assert "is damaged" in words(scored) and not scored.error and scored.button(key=f"delete_{edit.key}")


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


def test_a_link_to_a_set_that_is_not_here_says_so(ready: AppTest, model_folder):
    link = {"model": "Hub id or local folder", "other_model": str(model_folder), "n": "2"}
    assert "The set own.json of this link is not here." in words(new_tab("first", **link, facts="own.json"))
    assert "of this link is not here" not in words(new_tab("second", **link, facts="World facts"))


def test_rows_of_the_list_are_chosen_in_the_list_that_was_shown(scored: AppTest):
    """Streamlit knows a chosen row by its place alone: another list of rows must be another table."""

    def key() -> str:
        return next(frame.proto.id for frame in scored.dataframe if "took" in frame.value.columns)

    scored.switch_page("runs.py").run()
    before = key()
    assert scored.run() and key() == before
    scored.text_input(key="runs_search").input("R-ROME tiny-llama").run()
    assert key() != before


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


def address(app: AppTest) -> dict[str, str]:
    return {name: value if isinstance(value, str) else value[0] for name, value in app.query_params.items()}


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


def test_what_was_asked_before_the_tab_was_known_belongs_to_it(ready: AppTest, model_folder):
    """The browser is slow: the page was used before it has said which tab this is."""
    ready.number_input(key="n").set_value(4).run()
    recognized(ready, "tab")
    ready.button(key="score").click().run()
    wait(ready)
    earlier = kept(ready)
    again = AppTest.from_file(str(APP), default_timeout=900).run()  # a reload
    assert kept(again) is not earlier
    name_model(again, str(model_folder))
    upload(again, "other.json", json.dumps([{**one, "ground_truth": ["London"]} for one in RECORDS]).encode())
    again.button(key="use_upload").click().run()
    again.button(key="score").click().run()
    job = kept(again).jobs["score"]
    recognized(again, "tab")
    assert kept(again) is earlier and earlier.jobs["score"] is job and job.asker == earlier.id
    assert {"ten.json", "other.json"} <= set(earlier.sets)
    wait(again)
    assert earlier.asked.facts == "other.json" == again.session_state["lga"].question.facts
    assert metrics(again)["Facts used"] == "10 of 10"


def test_a_run_that_was_opened_before_the_tab_was_known_is_not_shown_with_its_old_scores(ready: AppTest):
    for facts in (4, 6):
        ready.number_input(key="n").set_value(facts).run()
        ready.button(key="score").click().run()
        wait(ready)
        if facts == 4:
            key = header("gradients").key
    recognized(ready, "tab")
    again = AppTest.from_file(str(APP), default_timeout=900).run()  # a reload
    again.session_state["lga"].reopening = (key,)
    again.run()
    recognized(again, "tab")
    assert kept(again) is kept(ready) and kept(again).asked.limit == 4 and "score" not in kept(again).jobs
    assert metrics(again)["Facts used"] == "4 of 4"


def test_a_name_that_cannot_be_written_is_told(scored: AppTest, monkeypatch):
    key = header("gradients").key
    scored.switch_page("runs.py").run()
    choose(scored, key)

    def full(run, title):
        raise LgaError("No space left.", hint="Free some.")

    monkeypatch.setattr(Run, "rename", full)
    scored.text_input(key=f"name_{key}").input("My scores").run()
    assert "No space left. Free some." in words(scored) and not scored.exception


def test_an_edit_that_was_kept_before_the_tab_was_known_is_in_its_ledger(scored: AppTest):
    recognized(scored, "tab")
    scored.button(key="keep").click().run()
    wait(scored)
    model = scored.session_state["lga"].question.model
    assert len(current(scored, model).entries) == 1
    again = AppTest.from_file(str(APP), default_timeout=900)
    again.query_params["run"] = header("r-rome").key[:16]
    again.run()
    again.session_state["lga"].reopening = (header("r-rome").key[:16],)
    again.switch_page("trial_edit.py").run()
    again.button(key="keep").click().run()
    recognized(again, "tab")
    wait(again)
    assert kept(again) is kept(scored) and len(current(again, model).entries) == 2


def current(app: AppTest, model: str):
    """The tab's ledger as the engine has shown it last."""
    job = kept(app).jobs["ledger"]
    assert job.request.model == model and job.request.session == kept(app).id and job.error is None
    return job.result
