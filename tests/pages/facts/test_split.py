"""The split view: both halves of the seeded split, and a set that cannot be split."""

import json

from streamlit.testing.v1 import AppTest

from lga_core.data.select import split
from tests.pages.driving import RECORDS, kept, metrics, record, words
from tests.pages.facts.driving import chosen, open_page, use


def test_both_halves_of_the_seeded_split_become_sets(app: AppTest):
    twice = [*RECORDS, {**record("Rome", "football"), "prompt": "Everybody in Rome knows"}]
    use(app, "eleven.json", json.dumps(twice).encode())
    open_page(app, "split")
    app.number_input(key="split_share").set_value(30)
    app.number_input(key="split_seed").set_value(3).run()
    whole = chosen(app).facts
    proxy, test = split(whole, 0.3, 3)
    assert metrics(app)["Proxy set"] == f"{len(proxy)} facts" and metrics(app)["Test set"] == f"{len(test)} facts"
    app.button(key="use_test").click().run()
    sets = kept(app).sets
    assert chosen(app).facts == test
    assert sets["eleven.json, proxy, 30 %, seed 3"].facts == proxy
    assert not {fact.subject for fact in proxy} & {fact.subject for fact in test}


def test_a_set_about_one_subject_cannot_be_split_and_says_why(app: AppTest):
    use(app, "one.json", json.dumps(RECORDS[:1]).encode())
    open_page(app, "split")
    assert len(app.error) == 1 and "at least two subjects" in words(app)
