"""What is measured in a chat template is what a plain question says whose prompts have the template written out.

And the two are kept apart in the store and in all that is kept per model, but for what is of the plain weights.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import make_fact, tiny_model

from lga_core.editing.search.values import shared_values
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.side_effects.fluency import continuations
from lga_core.models.moments.files import moment_path
from lga_core.models.sources.derived import derived_path
from lga_core.models.text.own_text import prefixes_path
from lga_core.models.text.texts import text_named
from lga_core.runs import tasks
from lga_core.runs.replay.replay import replay
from lga_core.runs.storage.keys import known_facts_run, measurement_run, sweep_run, trace_run, trial_run
from lga_core.runs.storage.store import Store
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.settings import CmaSettings, ForecastSettings, GradientSettings
from lga_core.scores.tracing import restore

TEMPLATE = "User: {{ messages[0]['content'] }}\nAssistant: "
# Without the KL prompt, which is asked in the template too, and without prefixes, which stand inside it.
EDIT = RRomeSettings(value=ValueSettings(steps=4, kl_weight=0.0), contexts=0, covariance="identity")
# What the template itself adds to is tested in tests/models/test_chat.py: the sequence's loss and the baseline of ig.
SETTINGS = {"gradients": GradientSettings(loss="answer"), "forecast": ForecastSettings(covariance="identity")}
ALIKE = [name for name in MEASUREMENTS if name != "ig"]


@pytest.fixture(scope="module")
def plain():
    model = tiny_model("llama", torch.float32)
    model.tokenizer.chat_template = TEMPLATE
    return model


@pytest.fixture
def fact():
    return make_fact(0, "The Space Needle is in downtown", "Space Needle", "Boston", "Seattle")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture(autouse=True)
def noise_by_draw(monkeypatch):
    """The traces' noise hangs on the prompt's words, which are not the same for the two."""
    monkeypatch.setattr(restore, "seed_of", lambda seed, _prompt, _span, draw: seed + draw)


def written_out(fact):
    """The same fact with every prompt as the template has it, up to the space before the answer."""

    def whole(prompt):
        return f"User: {prompt}\nAssistant:"

    def probes(own):
        return tuple(replace(probe, prompt=whole(probe.prompt)) for probe in own)

    first, end = fact.span
    return replace(
        fact,
        prompt=whole(fact.prompt),
        span=(first + len("User: "), end + len("User: ")),
        rephrases=tuple(map(whole, fact.rephrases)),
        locality=probes(fact.locality),
        portability=probes(fact.portability),
    )


def same(one, other):
    """Equal but for the prompts' own words and the cost."""
    assert {name: vars(one)[name] for name in vars(one).keys() - {"values", "cost"}} == {
        name: vars(other)[name] for name in vars(other).keys() - {"values", "cost"}
    }
    assert one.values.keys() == other.values.keys()
    for name in one.values:
        np.testing.assert_allclose(one.values[name], other.values[name], rtol=1e-5, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("measurement", ALIKE)
def test_every_measurement_asks_in_the_template(plain, fact, store, measurement):
    settings = SETTINGS.get(measurement) or MEASUREMENTS[measurement].settings()
    own = replace(fact, target_old=()) if measurement.startswith("trace") else fact  # traced: its own answer
    (asked,), _ = tasks.measure(plain.chatting, "one", [own], measurement, settings, store)
    (spelled,), _ = tasks.measure(plain, "one", [written_out(own)], measurement, settings, store)
    same(asked, spelled)
    (bare,), _ = tasks.measure(plain, "one", [own], measurement, settings, store)
    assert any(not np.allclose(asked.values[name], bare.values[name]) for name in asked.values)


def test_a_trace_has_a_row_for_each_token_of_the_chat(plain, fact, store):
    settings = CmaSettings(draws=2)
    asked, _ = tasks.trace_fact(plain.chatting, "one", fact, "mlp", settings, [fact], store)
    spelled, _ = tasks.trace_fact(plain, "one", written_out(fact), "mlp", settings, [written_out(fact)], store)
    assert "".join(asked.tokens) == f"User: {fact.prompt}\nAssistant:" and asked.prompt == fact.prompt
    assert "".join(asked.tokens[slice(*asked.subject)]).strip() == fact.subject
    assert (asked.tokens, asked.subject) == (spelled.tokens, spelled.subject)
    np.testing.assert_allclose(asked.effect, spelled.effect, atol=1e-7)


def test_a_trial_and_a_sweep_ask_in_the_template(plain, fact, store):
    asked, _ = tasks.trial(plain.chatting, "one", fact, [1], "r-rome", EDIT, store, diagnose=False)
    spelled, _ = tasks.trial(plain, "one", written_out(fact), [1], "r-rome", EDIT, store, diagnose=False)
    assert (asked.before, asked.after) == (spelled.before, spelled.after)
    assert asked.losses[0] == pytest.approx(spelled.losses[0], rel=1e-4)
    (cell,) = sweep_cells(plain.chatting, [fact], [1], "r-rome", EDIT)
    (swept,) = sweep_cells(plain, [written_out(fact)], [1], "r-rome", EDIT)
    assert (cell.before, cell.after) == (swept.before, swept.after)
    assert cell.nll == pytest.approx(swept.nll, rel=1e-4)


def test_every_key_holds_the_template(plain, fact, store):
    def keys(model):
        runs = (
            known_facts_run(model, store),
            measurement_run(model, "one", [fact], "gradients", GradientSettings(), store),
            trace_run(model, "one", fact, "mlp", CmaSettings(), [fact], store),
            trial_run(model, "one", fact, [1], "r-rome", EDIT, store, diagnose=False),
            sweep_run(model, "r-rome", EDIT, store),
        )
        assert {run.provenance.chat for run in runs} == {model.chat}
        return {run.provenance.key for run in runs}

    identity = plain.chatting.identity
    assert not keys(plain.identity) & keys(identity)
    assert not keys(replace(identity, chat="another template")) & keys(identity)


def test_a_window_makes_no_other_trace_of_hidden_states(plain, fact, store):
    """They are restored one layer at a time."""

    def keys(kind):
        for settings in (CmaSettings(), CmaSettings(window=10)):
            yield measurement_run(plain.identity, "one", [fact], f"trace-{kind}", settings, store).provenance.key
            yield trace_run(plain.identity, "one", fact, kind, settings, [fact], store).provenance.key

    assert len(set(keys("hidden"))) == 2 and len(set(keys("mlp"))) == 4


def test_what_the_model_answered_is_kept_apart_and_what_it_wrote_by_itself_is_shared(plain, fact):
    def values(model):
        (value,) = shared_values(model, [fact], 1, EDIT.value, (), mean_start=True)
        return value.delta

    text = text_named("own-text", 0)
    assert moment_path(plain, 1, text, 4) == moment_path(plain.chatting, 1, text, 4)
    assert prefixes_path(plain, 2, 0) == prefixes_path(plain.chatting, 2, 0)
    first = values(plain)
    assert not torch.allclose(values(plain.chatting), first) and torch.equal(values(plain), first)
    texts = continuations(plain, fact.prompt, (), 0), continuations(plain.chatting, fact.prompt, (), 0)
    assert texts[0] != texts[1]
    folder = derived_path(plain, "continuations")
    assert len(list(folder.iterdir())) == 2


def test_a_replay_asks_as_the_run_did(plain, fact, store):
    chat = plain.chatting
    _, stored = tasks.measure(chat, "one", [fact], "gradients", GradientSettings(), store)
    run = store.find(stored.provenance.key)
    assert run.provenance.model == "tiny-llama:chat" and replay(chat, run).largest_difference == 0
    with pytest.raises(LgaError, match="chat template is not that of then"):
        replay(plain, run)
