"""The page of stored runs: its list, and what can be done with a run."""

from streamlit.testing.v1 import AppTest

from lga_core.data.facts import fact_label
from lga_core.errors import LgaError
from lga_core.runs.storage.store import Run, Store
from tests.pages.driving import kept, metrics, wait, words
from tests.pages.runs.driving import choose, header


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


def test_rows_of_the_list_are_chosen_in_the_list_that_was_shown(scored: AppTest):
    """Streamlit knows a chosen row by its place alone: another list of rows must be another table."""

    def key() -> str:
        return next(frame.proto.id for frame in scored.dataframe if "took" in frame.value.columns)

    scored.switch_page("runs.py").run()
    before = key()
    assert scored.run() and key() == before
    scored.text_input(key="runs_search").input("R-ROME tiny-llama").run()
    assert key() != before


def test_a_name_that_cannot_be_written_is_told(scored: AppTest, monkeypatch):
    key = header("gradients").key
    scored.switch_page("runs.py").run()
    choose(scored, key)

    def full(run, title):
        raise LgaError("No space left.", hint="Free some.")

    monkeypatch.setattr(Run, "rename", full)
    scored.text_input(key=f"name_{key}").input("My scores").run()
    assert "No space left. Free some." in words(scored) and not scored.exception
