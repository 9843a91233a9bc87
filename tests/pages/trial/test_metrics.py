"""The trial edit: from one click to its metrics before and after, and what is shown meanwhile."""

from streamlit.testing.v1 import AppTest

from lga_core.results import TrialStage, UneditedMetrics
from lga_core.service.process.jobs import Job
from tests.pages.driving import kept, metrics, quick, wait, words
from tests.pages.trial.driving import edit, last


def test_one_click_loads_the_model_and_edits_before_and_after(page: AppTest):
    page.multiselect(key="layers").set_value([1, 2]).run()
    page.number_input(key="set_r-rome_value_steps").set_value(3).run()
    edit(page)
    shown = metrics(page)
    assert shown["Rewrite, n 1"].count("→") == 1 and shown["Portability, n 0"] == "n/a"
    assert "R-ROME at layers 1 and 2" in words(page)
    probes = next(table.value for table in page.table if "expected" in table.value.columns)
    assert list(probes["metric"]) == ["rewrite", "rephrase", "locality"]
    written = next(table.value for table in page.table if "target error" in table.value.columns)
    assert written["layer"].tolist() == [1, 2] and all(float(error) < 1e-3 for error in written["target error"])
    assert all(steps <= 3 for steps in written["steps"])


def test_the_protocol_is_named_and_another_one_is_another_trial(page: AppTest):
    edit(quick(page))
    assert "teacher-forced token accuracy, first accepted answer" in words(page)
    assert "No cap leaves a probe out" in words(page)
    page.selectbox(key="measure_answers").select("best").run()
    edit(page)
    assert "teacher-forced token accuracy, best accepted answer" in words(page)
    assert not last(page).stored.from_store and last(page).report.answers == "best"
    assert "Answer that counts: the best, default the first" in words(page)


def test_stages_are_shown_as_they_come_and_a_cancelled_trial_shows_what_it_has(page: AppTest):
    """The job is stopped in its side effects, whose texts are long for that."""
    quick(page).button(key="edit").click().run()
    job = kept(page).trials[-1]
    wait(page, lambda: isinstance(job.published, TrialStage) or not job.alive)
    if job.alive:
        page.button(key="cancel_edit").click().run()
    wait(page)
    if job.result is None:
        shown = metrics(page)
        assert shown["Rewrite, n 1"].count("→") == 1 and "Drift, mean KL" not in shown
        assert "drift and fluency: not measured" in words(page)
    edit(page)
    assert "Drift, mean KL" in metrics(page) and "not measured" not in words(page)


def test_what_the_model_scores_as_it_is_stands_there_before_the_edit(page: AppTest, monkeypatch):
    published = []
    original = Job.show

    def show(job: Job, value: object) -> None:
        published.append(value)
        original(job, value)

    monkeypatch.setattr(Job, "show", show)
    page.button(key="edit").click().run()
    job = kept(page).trials[-1]
    wait(page, lambda: job.published is not None or not job.alive)
    if isinstance(job.published, UneditedMetrics):  # the page was drawn while the edit was searched
        assert metrics(page)["Rewrite, n 1"].endswith("→ …")
    wait(page)
    unedited, edited = published[:2]
    assert isinstance(unedited, UneditedMetrics) and isinstance(edited, TrialStage)
    forced = {name: (metric.teacher_forced, metric.n) for name, metric in edited.report.before.items()}
    assert {name: (metric.teacher_forced, metric.n) for name, metric in unedited.metrics.items()} == forced
    assert "…" not in metrics(page)["Rewrite, n 1"]


def test_warnings_are_shown_as_such(page: AppTest):
    page.selectbox(key="editor").select("ft-m").run()
    page.number_input(key="set_ft-m_learning_rate").set_value(5.0).run()
    page.number_input(key="set_ft-m_steps").set_value(3).run()
    edit(page)
    assert any("The edit blew up" in item.value for item in page.warning)
