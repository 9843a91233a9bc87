"""What was stored before the model's own answers were kept as tokens is served where none is asked for, only there."""

from dataclasses import asdict, replace

import pytest
import torch
from conftest import forwards, tiny_model

from lga_core.data.facts import Probe
from lga_core.editing.settings import RRomeSettings, ValueSettings
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.evaluation.settings import ManyEditsSettings, MetricSettings
from lga_core.results import KnownFactCheck, SweepCell
from lga_core.runs import tasks
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.reading import stored_cells
from lga_core.runs.replay.replay import replay
from lga_core.runs.shipped import example
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.keys import (
    asked_in_cell,
    attribution_run,
    cap_in_cell,
    cell_name,
    cell_place,
    known_facts_run,
    many_edits_run,
    measurement_run,
    sweep_run,
    trace_run,
    trial_run,
)
from lga_core.runs.storage.recorded import facts_of_run, facts_of_trace, recorded_settings
from lga_core.runs.storage.store import Store
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.settings import (
    CmaSettings,
    ForecastSettings,
    GradientSettings,
    GradxactSettings,
    HiddenDistanceSettings,
)
from lga_core.view.words.runs import replay_sentence

QUICK = RRomeSettings(value=ValueSettings(steps=2), contexts=1, covariance="identity")
NO_GOLD = Probe(prompt="The Eiffel Tower stands in", answers=(), group="Neighborhood")
OWN = "own_answers"


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama", torch.float32)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs")


def without_gold(fact):
    return replace(fact, locality=(*fact.locality, NO_GOLD))


def test_the_recorded_example_answers_todays_questions():
    """Its keys are those of before: none of its facts asks for the model's own tokens."""
    store = Store(example.FOLDER)
    identities = {item.identity.name: item.identity for item in example.read_example().models}
    compared = set()
    for header in RunIndex(store).headers():
        if header.provenance is None:  # the manifest
            continue
        run, kind, asked = store.find(header.key), header.kind, header.provenance.settings
        facts = facts_of_run(run, list(run.rows(kind.row_type)))
        identity, name = identities[header.provenance.model], header.provenance.facts
        settings = recorded_settings(EDITORS[kind.name].settings, asked) if kind.name in EDITORS else None
        if kind.subject == "known facts":
            again = known_facts_run(identity, store)
        elif kind.subject == "scores":
            chosen = recorded_settings(MEASUREMENTS[kind.name].settings, asked)
            again = measurement_run(identity, name, facts, kind.name, chosen, store)
        elif kind.subject == "trace":
            chosen = recorded_settings(CmaSettings, asked)
            again = trace_run(identity, name, facts[0], kind.name, chosen, facts_of_trace(run), store)
        elif kind.subject == "attribution":
            again = attribution_run(identity, name, facts[0], asked["n_steps"], asked["old"], store)
        elif kind.subject == "trial":
            metrics = recorded_settings(MetricSettings, asked)
            again = trial_run(
                identity, name, facts[0], asked["layers"], kind.name, settings, store, metrics=metrics, diagnose=True
            )
        else:
            again = sweep_run(identity, kind.name, settings, store)
            assert {asked_in_cell(fact, 10) for fact in facts} == {""}
        assert again.provenance.key == header.key, header.what
        compared.add(kind.subject)
    assert compared == {"known facts", "scores", "trace", "attribution", "trial", "sweep"}


def keys(model, facts, store):
    """The settings in the key of every kind of question about these facts, without those that never change."""
    identity, how = model.identity, ManyEditsSettings(every=1, locality=1)
    runs = {
        "gradients": measurement_run(identity, "few", facts, "gradients", GradientSettings(), store),
        "own old": measurement_run(identity, "few", facts, "gradients", GradientSettings(old="model"), store),
        "cma": measurement_run(identity, "few", facts, "trace-mlp", CmaSettings(), store),
        "forecast": measurement_run(identity, "few", facts, "forecast", ForecastSettings(), store),
        "attribution": attribution_run(identity, "few", facts[0], 4, "data", store),
        "trial": trial_run(identity, "few", facts[0], [1], "r-rome", QUICK, store, diagnose=False),
        "many": many_edits_run(identity, "few", facts, [1], "r-rome", QUICK, how, store),
    }
    return {name for name, run in runs.items() if OWN in run.provenance.settings}


def test_only_what_depends_on_the_models_own_tokens_has_another_key(model, facts, store):
    gold = facts[:2]
    assert keys(model, gold, store) == {"own old"}
    assert keys(model, [without_gold(gold[0]), gold[1]], store) == {"own old", "forecast", "trial"}
    only = replace(gold[0], locality=(NO_GOLD,))  # many edits ask one locality probe here: the first
    assert keys(model, [only, gold[1]], store) == {"own old", "forecast", "trial", "many"}
    assert keys(model, [facts[4]], store) == {"own old", "gradients", "attribution"}
    assert keys(model, [replace(only, target_new=None)], store) == {"own old"}


def test_an_old_cell_is_served_for_a_fact_with_gold_alone(model, facts, store):
    asked = [facts[0], without_gold(facts[1])]
    cells = sweep(model, "few", asked, [1, 2], "r-rome", QUICK, store)[0]
    run = sweep_run(model.identity, "r-rome", QUICK, store)
    old = Store(store.root / "old")
    before = sweep_run(model.identity, "r-rome", QUICK, old)
    for name, row in run.rows(SweepCell).items():
        fingerprint, layer, _asked = cell_place(name)
        before.append(cell_name(fingerprint, layer), row)  # as it was named before
    assert [cell.record for cell in stored_cells(before, asked, 10)] == [0, 0]
    again, stored = sweep(model, "few", asked, [1, 2], "r-rome", QUICK, old)
    assert (stored.rows, stored.reused) == (4, 2) and again.complete
    assert again.overall.tolist() == cells.overall.tolist()
    report = replay(model, before)
    assert (report.equal, report.rows, report.outdated) == (True, 4, 2)
    assert "2 rows left out" in replay_sentence(report)
    stale = Store(store.root / "stale")
    name = cell_name(asked[1].fingerprint, 1)
    stale.facts.keep(asked)
    sweep_run(model.identity, "r-rome", QUICK, stale).append(name, row)
    with pytest.raises(LgaError, match="numbers have changed"):
        replay(model, sweep_run(model.identity, "r-rome", QUICK, stale))


def test_a_cells_name_says_how_its_probes_are_asked(facts):
    many = replace(facts[0], locality=tuple(replace(NO_GOLD, prompt=f"City {n} is") for n in range(3)))
    names = {cap: asked_in_cell(many, cap) for cap in (2, 3, None)}
    assert names == {2: "2 a group/own answers 2", 3: "own answers 2", None: "own answers 2"}
    assert asked_in_cell(without_gold(facts[0]), 1) == "1 a group"  # the cap leaves out the one without gold
    for asked, cap in (("", None), ("2 a group", 2), (names[2], 2), (names[3], None)):
        assert cell_place(cell_name("f", 7, asked)) == ("f", 7, asked) and cap_in_cell(asked) == cap


@pytest.mark.parametrize("old", ["data", "model"])
def test_checks_that_lack_the_tokens_are_asked_again_where_they_count(model, facts, store, old):
    settings = GradientSettings(old=old)
    fresh = tasks.measure(model, "few", facts, "gradients", settings, Store(store.root / "fresh"))[0]
    run = known_facts_run(model.identity, store)
    for fact, check in zip(facts, check_known_facts(model, facts), strict=True):
        run.append(fact.fingerprint, replace(check, greedy_ids=None))  # as earlier versions stored it
    before = run.rows(KnownFactCheck)
    with forwards(model) as passes:
        rows = tasks.measure(model, "few", facts, "gradients", settings, store)[0]
    assert [asdict(row) | {"cost": None, "values": None} for row in rows] == [
        asdict(row) | {"cost": None, "values": None} for row in fresh
    ]
    for row, other in zip(rows, fresh, strict=True):
        assert {name: value.tolist() for name, value in row.values.items()} == {
            name: value.tolist() for name, value in other.values.items()
        }
    asked_again = {"data": 1, "model": len(facts)}[old]  # one fact has no old answer
    assert passes[0] == asked_again and run.rows(KnownFactCheck) == before
    assert replay(model, run).equal
    attributed = tasks.attribute_fact(model, "few", facts[4], 2, old, store)[0]
    assert attributed.answers["old"] == before[facts[4].fingerprint].greedy


def test_a_check_without_tokens_is_not_taken_for_an_empty_answer(model, facts):
    (check,) = check_known_facts(model, facts[4:])
    with pytest.raises(ValueError, match="ask again"):
        list(MEASUREMENTS["gradients"].rows(model, facts[4:], [replace(check, greedy_ids=None)], GradientSettings()))


def test_a_trace_asks_again_which_of_several_answers_the_model_gives(model, facts, store):
    (check,) = check_known_facts(model, facts[2:3])
    own = model.tokenizer.decode(check.greedy_ids[:1]).strip()
    fact, settings = replace(facts[2], target_old=("Paris", own)), CmaSettings(draws=1)
    (check,) = check_known_facts(model, [fact])
    run = known_facts_run(model.identity, store)
    run.append(fact.fingerprint, replace(check, greedy="\ufffd", greedy_ids=None))  # the text does not say which
    (row,) = tasks.measure(model, "one", [fact], "trace-mlp", settings, store)[0]
    traced = tasks.trace_fact(model, "one", fact, "mlp", settings, [fact], store)[0]
    assert check.known and (row.old_answer, traced.answer.strip()) == (own, own)


def test_only_scores_of_two_answers_name_that_a_new_answer_is_an_accepted_old_one(model, facts, store):
    first, second = facts[:2]
    accepted = replace(first, target_old=("Seattle", first.target_new))

    def named(fact, measurement, settings):
        run = measurement_run(model.identity, "few", [fact, second], measurement, settings, store)
        return "accepted_old" in run.provenance.settings

    assert named(accepted, "gradients", GradientSettings())
    assert named(accepted, "hidden-distance", HiddenDistanceSettings())
    assert not named(accepted, "gradients", GradientSettings(old="model"))
    assert not named(accepted, "gradxact", GradxactSettings()) and not named(accepted, "trace-mlp", CmaSettings())
    for old in (("Seattle", "Tacoma"), (first.target_new, first.target_new), ()):
        assert not named(replace(first, target_old=old), "gradients", GradientSettings())
