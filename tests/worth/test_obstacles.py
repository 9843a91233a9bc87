"""Layers where an edit cannot act: no path from the subject to the answer, or no expected gain."""

from types import SimpleNamespace

import numpy as np
import pytest

from lga_core.data.facts import Fact
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.results import FactRow, ModelIdentity
from lga_core.runs.storage.store import Store
from lga_core.scores.forecast.gain import Terms
from lga_core.service.reading import answering
from lga_core.service.reading.answering import stored_obstacles
from lga_core.service.reading.method_scores import ScoreChoices
from lga_core.service.requests import ProxySet
from lga_core.worth.reach import obstacles, subject_ends_prompt


def fact(prompt: str, record: int = 0) -> Fact:
    start = prompt.index("Needle")
    return Fact(record=record, prompt=prompt, subject="Needle", span=(start, start + 6), target_new="Boston")


def test_the_last_block_has_no_path_where_the_prompt_goes_on_behind_the_subject():
    behind, at_end = fact("The Needle is in"), fact("Where is the Needle")
    assert subject_ends_prompt(at_end) and not subject_ends_prompt(behind)
    found = obstacles(6, [behind], "r-rome")
    assert list(found) == [5] and found[5].why == "no path"
    assert obstacles(6, [at_end], "r-rome") == {} == obstacles(6, [behind], "ft-m")
    assert obstacles(6, [behind, at_end, at_end], "r-rome") == {}
    assert obstacles(6, [behind, behind, at_end], "r-rome")[5].facts == 2


def test_in_a_chat_template_its_marks_follow_every_subject():
    at_end = fact("Where is the Needle")
    assert not subject_ends_prompt(at_end, chat=True)
    found = obstacles(6, [at_end, at_end], "r-rome", chat=True)
    assert list(found) == [5] and (found[5].why, found[5].facts) == ("no path", 2)
    assert obstacles(6, [at_end], "ft-m", chat=True) == {}


@pytest.mark.parametrize(("chat", "layers"), [(None, []), ("template", [5])])
def test_the_store_is_asked_for_obstacles_in_the_models_chat_template(tmp_path, chat, layers):
    at_end = fact("Where is the Needle")
    model = ModelIdentity(name="made", fingerprint="m", dtype="torch.float32", machine="cpu", layers=6, chat=chat)
    proxy = ProxySet(name="made", candidates=(at_end,), limit=1)
    found = stored_obstacles(model, proxy, at_end, ScoreChoices(seed=0), "r-rome", Store(tmp_path))
    assert list(found) == layers


def forecast_of(values):
    """One fact's row of the forecast."""
    return FactRow(record=0, status="used", old_answer="Seattle", old_source="data", known=True, values=values)


def test_the_expected_gain_is_read_at_the_editors_norm_bound(tmp_path, monkeypatch):
    """The rewrite gains more than both others lose; at the default bound it saturates, and they outweigh it."""
    losing = {f"change/{name}": np.array([[0.45]]) for name in ("rephrase", "locality")}
    nll = {f"nll/{name}": np.array([1.0]) for name in ("rephrase", "locality")}
    row = forecast_of({"change/rewrite": np.array([-1.0]), "nll/rewrite": np.array(1.0), **losing, **nll})
    asked = fact("Where is the Needle")
    assert list(obstacles(1, [asked], "r-rome", [row])) == [0]
    assert obstacles(1, [asked], "r-rome", [row], terms=Terms(norm_bound=0.1)) == {}
    choices = ScoreChoices(seed=0)
    measured = SimpleNamespace(measured={choices.need("forecast"): ([row], None)})
    monkeypatch.setattr(answering, "scored_facts", lambda *_args: measured)
    model = ModelIdentity(name="made", fingerprint="m", dtype="torch.float32", machine="cpu", layers=1)
    proxy = ProxySet(name="made", candidates=(asked,), limit=1)
    stored = (model, proxy, asked, choices, "r-rome", Store(tmp_path))
    assert list(stored_obstacles(*stored)) == [0]
    assert stored_obstacles(*stored, RRomeSettings(value=ValueSettings(norm_bound=0.1))) == {}


def test_a_layer_without_an_expected_gain_is_named():
    change = np.array([-0.5, 0.2, -0.1, 0.0])  # of the nll: less is better
    row = forecast_of({"change/rewrite": change, "nll/rewrite": np.array(2.0)})
    found = obstacles(4, [fact("Where is the Needle")], "r-rome", [row])
    assert {layer: item.why for layer, item in found.items()} == {1: "no gain", 3: "no gain"}
    for editor in ("ft-l", "ft-m"):  # the forecast is of an edit through the key at the subject
        assert obstacles(4, [fact("Where is the Needle")], editor, [row]) == {}
