"""Trial edits beside one another: a column stands only where its rows are not all the same."""

from dataclasses import replace

from conftest import make_fact
from view.made import edit_report

from lga_core.editing.settings import RRomeSettings
from lga_core.results import METRICS, Metric
from lga_core.service.page_parts.trial_history import trial_rows, trials_protocol
from lga_core.service.requests import TrialRequest

FACT = make_fact(4, "The Space Needle is in", "Space Needle", "Boston", "Seattle")


def trial(layers=(11,), settings=None, **report):
    asked = TrialRequest(
        model="tiny", facts_name="six", fact=FACT, layers=layers, editor="r-rome", settings=settings or RRomeSettings()
    )
    metrics = dict.fromkeys(METRICS, Metric(teacher_forced=50.0, free=None, n=1))
    return asked, replace(edit_report(layers), before=metrics, after=metrics, **report)


def test_the_last_trial_stands_first_and_equal_columns_are_left_out():
    first, last = trial((11,)), trial((11, 12))
    rows = trial_rows([first, last], [False, False])
    assert [row["layers"] for row in rows] == ["11, 12", "11"]
    assert rows[0]["editor"] == "R-ROME" and rows[0]["fact"] == "Space Needle: Seattle → Boston"
    assert not {"recorded", "settings", "answer that counts"} & rows[0].keys()


def test_what_differs_has_a_column():
    rows = trial_rows([trial(), trial(settings=RRomeSettings(v0="bare"), answers="first")], [True, False])
    assert [row["recorded"] for row in rows] == ["", "yes"]
    assert [row["settings"] for row in rows] == ["v0: the bare prompt’s, default mean over contexts", ""]
    assert [row["answer that counts"] for row in rows] == ["first", "best"]


def test_the_protocol_names_the_answer_that_counts_where_it_is_one():
    best, first = trial()[1], trial(answers="first")[1]
    assert trials_protocol([best, first]) == "teacher-forced"
    assert trials_protocol([best]).startswith("teacher-forced") and trials_protocol([best]) != trials_protocol([first])


def test_an_editor_that_this_version_does_not_know_keeps_its_name():
    (row,) = trial_rows([trial(editor="of-tomorrow")], [False])
    assert row["editor"] == "of-tomorrow"
