"""A cancelled measurement: the rows that are finished are shown and marked as partial."""

from streamlit.testing.v1 import AppTest

from lga_core.models.loading import load_now
from pages._ui import answers
from pages._ui.options import Choices
from tests.pages.driving import metrics, wait, words


class _Loaded:
    """A shelf on which the model already stands."""

    def __init__(self, model):
        self._model = model

    def take(self, _name):
        yield from ()
        return self._model


def test_stopping_within_a_measurement_keeps_and_shows_its_finished_rows(ready: AppTest, tiny_folder):
    memory = ready.session_state["lga"]
    question, facts = memory.question, memory.sets["ten.json"]
    known = answers.answers_to(question)
    steps = answers.score_steps(_Loaded(load_now(str(tiny_folder))), question, facts, Choices(), (), known)
    for progress in steps:
        if progress.label == "gradients" and progress.done == 4:
            break
    steps.close()                            # what Job.cancel does at the next step
    (rows, stored), = known.measured.values()
    assert [row.record for row in rows] == [fact.record for fact in known.facts[:4]] and not stored.complete

    memory.asked = question
    ready.run()
    assert "LGA: partial, 4 of 10 facts" in words(ready) and metrics(ready)["Facts used"] == "4 of 10"
    ready.button(key="score").click().run()  # goes on from there
    wait(ready)
    assert "partial" not in words(ready) and metrics(ready)["Facts used"] == "10 of 10"
    assert known.measured[Choices().need("gradients", 0)][1].reused == 4
