"""The edit view: mistakes by their row, a changed set as a set of its own, and edits kept or thrown away."""

from streamlit.testing.v1 import AppTest

from tests.pages.driving import kept, words
from tests.pages.facts.driving import change, chosen, frame, show


def test_a_mistake_in_the_table_is_listed_by_its_row_and_blocks_until_it_is_mended(page: AppTest):
    show(page, "edit")
    change(page, {"edited_rows": {"2": {"subject": "Nobody"}, "4": {"target_new": "Lima"}}})
    assert "Row 2 cannot be used" in words(page) and page.button(key="keep_edited").disabled
    assert frame(page, "problem")["record"].tolist() == [2] and "2 changed" in words(page)
    change(page, {"edited_rows": {"2": {"target_new": "Lima"}, "4": {"target_new": "Lima"}}})
    assert not page.error and not page.button(key="keep_edited").disabled


def test_a_changed_set_has_its_own_name_and_fingerprint(page: AppTest):
    before = chosen(page)
    show(page, "edit")
    change(
        page,
        {
            "edited_rows": {
                "0": {
                    "target_new": "Lima",
                    "rephrases": "One | Two",
                    "locality": "The capital of France is => Paris | Rome is in => Italy",
                }
            },
            "deleted_rows": [3],
            "added_rows": [{"prompt": "Oslo is in", "subject": "Oslo", "target_new": "Sweden"}],
        },
    )
    assert "1 changed · 1 new · 1 deleted" in words(page)
    page.text_input(key=name_key(page)).input("Mine").run()
    page.button(key="keep_edited").click().run()
    after = chosen(page)
    assert after.name == "Mine" and after.fingerprint != before.fingerprint
    assert kept(page).sets["ten.json"] is before
    first = after.facts[0]
    assert (first.target_new, first.rephrases, first.target_old) == ("Lima", ("One", "Two"), before.facts[0].target_old)
    assert [probe.group for probe in first.locality] == ["Neighborhood", "Relation_Specificity"]
    assert after.facts[1:3] == before.facts[1:3] and after.facts[3:9] == before.facts[4:]
    assert (after.facts[9].record, after.facts[9].subject) == (10, "Oslo")


def test_edits_outlive_a_look_at_another_view_and_can_be_thrown_away(page: AppTest):
    show(page, "edit")
    change(page, {"edited_rows": {"0": {"target_new": "Lima"}}})
    show(page, "report")
    show(page, "edit")
    assert "1 changed" in words(page) and page.data_editor[0].value["target_new"][0] == "Lima"
    page.button(key="discard_edited").click().run()
    assert "Nothing is changed yet" in words(page) and page.data_editor[0].value["target_new"][0] == "Boston"


def test_each_set_has_a_name_of_its_own_for_its_changes(page: AppTest):
    show(page, "edit")
    change(page, {"edited_rows": {"0": {"target_new": "Lima"}}})
    page.text_input(key=name_key(page)).input("Mine").run()
    page.selectbox(key="facts").select("world").run()
    change(page, {"edited_rows": {"0": {"target_new": "Lima"}}})
    assert page.text_input(key=name_key(page)).value == "World facts, edited"


def name_key(page: AppTest) -> str:
    """Of the field for the changed set's name."""
    return next(field.key for field in page.text_input if (field.key or "").startswith("edited_name"))
