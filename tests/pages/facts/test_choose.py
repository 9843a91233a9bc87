"""The proxy set in the sidebar: how many facts are taken when another one is chosen."""

import json

from streamlit.testing.v1 import AppTest

from tests.pages.driving import RECORDS
from tests.pages.facts.driving import use


def test_a_limit_that_was_cut_to_a_small_set_does_not_stay_for_a_larger_one(app: AppTest):
    use(app, "one.json", json.dumps(RECORDS[:1]).encode())
    assert app.number_input(key="n").value == 1
    app.selectbox(key="facts").select("world").run()
    assert app.number_input(key="n").value == 32


def test_a_limit_that_was_chosen_stays(app: AppTest):
    use(app, "ten.json", json.dumps(RECORDS).encode())
    app.number_input(key="n").set_value(4).run()
    app.selectbox(key="facts").select("world").run()
    assert app.number_input(key="n").value == 4
