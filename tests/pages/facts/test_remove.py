"""A set of one's own is taken off the list, and brought back; the shipped ones stay."""

from streamlit.testing.v1 import AppTest

from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Store
from tests.pages.driving import kept, wait
from tests.pages.facts.driving import chosen, open_page


def test_a_removed_set_is_not_listed_until_it_is_brought_back(page: AppTest):
    before = chosen(page)
    page.button(key="remove_set").click().run()
    assert "ten.json" not in page.selectbox(key="facts").options and not kept(page).sets
    assert page.selectbox(key="facts").value == "world" and not page.exception
    assert not [button for button in page.button if button.key == "remove_set"], "a shipped set stays"
    page.button(key="bring_back_set").click().run()
    assert chosen(page) == before and kept(page).removed is None


def test_what_was_scored_with_it_is_let_go_of_and_stays_in_the_store(page: AppTest):
    page.button(key="score").click().run()
    wait(page)
    measured = RunIndex(Store()).headers()
    assert measured
    page.button(key="remove_set").click().run()
    assert kept(page).asked is None and "score" not in kept(page).jobs
    for name in ("golden_layers.py", "trial_edit.py", "runs.py"):
        page.switch_page(name).run()
        assert not page.exception and not page.error
    assert measured == RunIndex(Store()).headers()
    open_page(page)
    page.button(key="bring_back_set").click().run()
    assert chosen(page).name == "ten.json"


def test_a_second_click_before_the_page_is_drawn_removes_nothing_more(page: AppTest):
    removed = kept(page).sets.pop("ten.json")  # as the first click does
    kept(page).removed = removed
    page.button(key="remove_set").click().run()
    assert not page.exception and kept(page).removed is removed
