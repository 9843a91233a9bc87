"""The same edit at every layer, in one click."""

import numpy as np
from streamlit.testing.v1 import AppTest

from lga_core.results import METHOD_TITLES
from lga_core.runs.storage.store import Store
from lga_core.service.process import machine
from lga_core.service.reading import every_layer
from tests.pages.driving import jobs, quick, wait, words
from tests.pages.trial.driving import edit


def test_one_button_edits_the_fact_at_every_layer_with_its_scores(page: AppTest):
    quick(page).button(key="every_layer").click().run()
    wait(page)
    assert "Best for this fact: layer" in words(page) and "No golden layer is known yet" in words(page)
    request = jobs(page)[-1].request
    model = machine.identity(request.model)
    found = every_layer.read(model, request, Store())
    assert found.complete and found.sweep.layers == tuple(range(model.layers))
    assert found.best == int(np.argmax(found.sweep.overall[0]))
    button = page.button(key="every_layer")
    assert button.disabled and button.label == "Edited at every layer" and "All of it is measured" in button.help
    for method, item in found.scores.items():
        assert f"{METHOD_TITLES[method]}: not measured" not in words(page)
        assert [row.record for row in item.rows] == [request.fact.record]
    page.switch_page("facts.py").run()
    page.switch_page("trial_edit.py").run()
    assert "Best for this fact: layer" in words(page)


def test_what_was_clicked_last_stands_first(page: AppTest):
    every, one = "**This edit at every layer**", "**What was written**"

    def order() -> list[str]:
        return [item.value for item in page.markdown if item.value in (every, one)]

    edit(quick(page))
    page.button(key="every_layer").click().run()
    wait(page)
    assert order() == [every, one]
    edit(page)
    assert order() == [one, every]
