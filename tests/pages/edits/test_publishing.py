"""Publishing an adapter: what it needs beside the repository's name."""

from streamlit.testing.v1 import AppTest

from tests.pages.driving import wait
from tests.pages.edits.driving import enabled

RANK = "lora_rank"


def rank_fields(app: AppTest) -> int:
    return sum(field.key == RANK for field in app.number_input)


def test_an_adapter_has_its_rank_on_the_page_and_needs_an_edit_that_is_on(steps: AppTest):
    steps.button(key="keep").click().run()
    wait(steps)
    steps.switch_page("edits.py").run()
    steps.segmented_control(key="edits_view").set_value("files").run()
    steps.text_input(key="publish_to").input("me/edits").run()
    steps.text_input(key="publish_base").input("tiny/base").run()
    assert rank_fields(steps) == 1  # of the export
    steps.segmented_control(key="export_kind").set_value("Merged model").run()
    assert rank_fields(steps) == 0
    steps.segmented_control(key="publish_kind").set_value("LoRA adapter").run()
    assert rank_fields(steps) == 1
    steps.number_input(key=RANK).set_value(4).run()
    steps.segmented_control(key="export_kind").set_value("LoRA adapter").run()
    assert rank_fields(steps) == 1 and steps.number_input(key=RANK).value == 4
    assert not steps.button(key="publish").disabled

    next(box for box in steps.toggle if (box.key or "").startswith("on_")).set_value(False).run()
    wait(steps)
    assert enabled(steps) == [False] and steps.button(key="publish").disabled
    steps.segmented_control(key="publish_kind").set_value("Edit set").run()
    assert not steps.button(key="publish").disabled
