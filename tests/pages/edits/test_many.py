"""Many edits one after another, with their curves."""

from streamlit.testing.v1 import AppTest

from lga_core.service.ledger_view import LedgerView
from lga_core.service.requests import ManyEditsRequest
from tests.pages.driving import kept, quick, wait, words
from tests.pages.edits.driving import ledger


def test_many_edits_are_measured_every_so_many_and_go_on_after_a_cancel(ready: AppTest):
    ready.switch_page("edits.py").run()
    ready.segmented_control(key="edits_view").set_value("many").run()
    assert "Choose at least one layer" in words(ready)
    ready.multiselect(key="layers").set_value([1]).run()
    quick(ready)
    ready.number_input(key="many_edits").set_value(2).run()
    ready.number_input(key="many_every").set_value(2).run()
    assert "2 edits at layer 1, measured 2 times" in words(ready) and not ready.get("plotly_chart")
    assert ready.number_input(key="many_rephrases").value == 2
    ready.number_input(key="many_rephrases").set_value(None).run()  # empty: all
    ready.button(key="many_start").click().run()
    wait(ready)
    assert "All measured" in words(ready) and ready.button(key="many_start").disabled
    assert "Collapse begins at the first checkpoint where" in words(ready)
    assert "collapse up to 2 edits" in words(ready)
    assert "Took" in words(ready) and "so far." not in words(ready)
    assert len(ready.get("plotly_chart")) == 1
    table = next(frame.value for frame in ready.dataframe if "rewrite, latest" in frame.value.columns)
    assert list(table["edits"]) == [0, 2] and ledger(ready) == LedgerView()
    asked = kept(ready).jobs["many"].request
    assert kept(ready).shown[ManyEditsRequest] == asked, "the report has it"
    assert asked.how.rephrases is None and ready.number_input(key="many_rephrases").value is None
    ready.number_input(key="many_edits").set_value(10).run()
    ready.number_input(key="set_r-rome_value_steps").set_value(500).run()
    ready.number_input(key="set_r-rome_value_stop_loss").set_value(0.0).run()
    ready.button(key="many_start").click().run()
    running = kept(ready).jobs["many"]

    def editing() -> bool:  # the model without edits is measured
        progress = running.snapshot().progress
        return progress is not None and progress.detail.startswith("v*")

    wait(ready, lambda: not running.alive or editing())
    ready.button(key="cancel_many").click().run()
    wait(ready)
    assert running.snapshot().state == "cancelled" and ready.button(key="many_start").label == "Go on"
    assert "go on from the last one" in words(ready)
    ready.number_input(key="many_edits").set_value(2).run()
    assert "go on from the last one" not in words(ready), "that was of ten edits"
