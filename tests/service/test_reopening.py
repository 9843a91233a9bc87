"""A stored run becomes a question again: as it was recorded, or with a set made of the facts that were kept."""

import random
from dataclasses import replace

import pytest
from conftest import make_fact, tiny_model
from reporting import cancel_at

from lga_core.data.facts import FactSet, facts_fingerprint
from lga_core.data.load import choose
from lga_core.editing.settings import RankOneSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.evaluation.settings import ManyEditsSettings, MetricSettings, SweepMetrics
from lga_core.progress import Cancelled, Phase
from lga_core.results import Origin
from lga_core.runs import tasks
from lga_core.runs.experiments.many_edits import many_edits
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Store
from lga_core.scores.settings import CmaSettings, ForecastSettings, GradientSettings
from lga_core.service.reading.comparing import compare, content
from lga_core.service.reading.reopening import reopening, to_open_first
from lga_core.service.requests import TrialRequest
from lga_core.view.figures.compared_curves import RunCurve, compared_curves

SUBJECTS = ("Space Needle", "Eiffel Tower", "Angela Merkel", "Toyota", "Rome", "London", "Berlin")
BEST = MetricSettings(answers="best")
MANY = ManyEditsSettings(every=2, locality=3)
EARLIER = ForecastSettings(covariance="identity", seed=4)
QUICK = RankOneSettings(value=ValueSettings(steps=1), contexts=0, covariance="identity")


@pytest.fixture(scope="module")
def model():
    return tiny_model("llama")


@pytest.fixture(scope="module")
def fact_set():
    facts = [make_fact(2 * n, f"The {name} is in", name, "Boston", "Paris") for n, name in enumerate(SUBJECTS)]
    return FactSet(name="seven", facts=tuple(facts), n_records=14)


def question(**changed):
    return {"model": "tiny", "facts": "seven", "limit": 4, "seed": 3, "known_only": False, **changed}


def ask(store, model, facts, what="scores"):
    """Score, trace or edit; returns the run's header."""
    if what == "scores":
        stored = tasks.measure(model, "seven", facts, "gradients", GradientSettings(old="model", loss="answer"), store)[
            1
        ]
    elif what == "cma":
        stored = tasks.measure(model, "seven", facts, "trace-attn", CmaSettings(draws=1, seed=3, window=10), store)[1]
    elif what == "forecast":  # with a seed of the second moment's own, as earlier versions took the question's
        stored = tasks.measure(model, "seven", facts, "forecast", EARLIER, store)[1]
    elif what == "trace":
        settings = CmaSettings(draws=1, seed=3)
        stored = tasks.trace_fact(model, "seven", facts[1], "mlp", settings, facts, store)[1]
    elif what == "trial":
        stored = tasks.trial(model, "seven", facts[1], [2, 0], "rome", QUICK, store, metrics=BEST, diagnose=False)[1]
    elif what == "many edits":
        stored = many_edits(model, "seven", facts[:2], [1, 3], "rome", QUICK, MANY, store)[1]
    else:
        stored = sweep(model, "seven", facts[:2], [1, 3], "rome", QUICK, store)[1]
    return RunIndex(store).one(stored.provenance.key)


def chosen(fact_set, opened):
    """The facts that the page would ask about."""
    return choose(opened.facts.facts, opened.limit, opened.seed)


@pytest.mark.parametrize("what", ["scores", "cma", "forecast", "trace", "trial", "sweep"])
def test_the_recorded_question_comes_back_where_its_set_is_at_hand(tmp_path, model, fact_set, what):
    facts = choose(fact_set.facts, 4, 3)
    store = Store(tmp_path, origin=Origin(question=question()))
    header = ask(store, model, facts, what)
    opened = reopening(header, store, {"seven": fact_set})
    assert opened.at_hand and opened.model == "tiny-llama"
    assert (opened.facts.name, opened.limit, opened.seed) == ("seven", 4, 3)
    if what in ("trace", "trial"):
        assert opened.record == facts[1].record
    assert opened.page == {"trace": "causal_trace", "trial": "trial_edit", "sweep": "layer_sweep"}.get(
        what, "golden_layers"
    )
    assert opened.widgets == {
        "scores": {"old": "model", "loss": "answer"},
        "cma": {"cma": "attn", "window_10": True},
        "trace": {"trace_window_10": False},
    }.get(what, {})
    assert opened.unshown == {"cma": ("draws",), "forecast": ("covariance", "seed")}.get(what, ())


def test_scores_from_before_there_was_a_choice_of_the_loss_are_of_the_answers(tmp_path, model, fact_set):
    store = Store(tmp_path)
    key = ask(store, model, fact_set.facts[:2]).key
    for path in tmp_path.rglob("*"):
        if path.is_file() and '"loss":"answer"' in (text := path.read_text(encoding="utf-8", errors="ignore")):
            path.write_text(text.replace(',"loss":"answer"', "").replace('"loss":"answer",', ""), encoding="utf-8")
    header = RunIndex(Store(tmp_path)).one(key)
    assert "loss" not in header.provenance.settings
    assert reopening(header, Store(tmp_path), {"seven": fact_set}).widgets == {"old": "model", "loss": "answer"}


@pytest.mark.parametrize(
    "changed",
    [{"facts": "gone"}, {"limit": 3}, {"seed": 4}, {"seed": None}],
    ids=["set not at hand", "other number", "other seed", "no shuffle"],
)
def test_else_a_set_is_made_that_asks_the_same_question(tmp_path, model, fact_set, changed):
    facts = tuple(random.Random(8).sample(fact_set.facts, 5)) if changed == {"seed": None} else fact_set.facts[:4]
    store = Store(tmp_path, origin=Origin(question=question(**changed)))
    opened = reopening(ask(store, model, facts, "cma"), store, {"seven": fact_set})
    assert not opened.at_hand and opened.facts.name.startswith("seven (run ")
    assert opened.seed == 3  # the noise's
    assert facts_fingerprint(chosen(fact_set, opened)) == facts_fingerprint(facts)
    assert [fact.record for fact in chosen(fact_set, opened)] == [fact.record for fact in facts]


def test_a_trial_comes_with_its_report(tmp_path, model, fact_set):
    store = Store(tmp_path)
    header = ask(store, model, fact_set.facts, "trial")
    opened = reopening(header, store, {"seven": fact_set})
    request, report, stored = opened.trial
    assert isinstance(request, TrialRequest) and request.settings == QUICK and stored.from_store
    assert request.metrics == opened.metrics == MetricSettings(answers="best")
    assert opened.layers == report.layers == (0, 2) and (opened.editor, opened.settings) == ("rome", QUICK)
    assert opened.facts.by_record(opened.record).subject == report.subject == fact_set.facts[1].subject


@pytest.mark.parametrize("at_hand", [True, False])
def test_a_trial_that_was_stopped_comes_with_what_it_had_measured(tmp_path, model, fact_set, at_hand):
    store = Store(tmp_path, origin=Origin(question=question()))
    asked = (model, "seven", fact_set.facts[1], [2], "rome", QUICK, store)
    with pytest.raises(Cancelled):
        tasks.trial(*asked, report=cancel_at(1, Phase.DRIFT))
    (header,) = RunIndex(store).headers()
    opened = reopening(header, store, {"seven": fact_set} if at_hand else {})
    request, stage = opened.begun
    assert opened.trial is None and (opened.at_hand, opened.layers) == (at_hand, (2,))
    assert request.fact.fingerprint == fact_set.facts[1].fingerprint and request.fact.record == stage.report.record
    assert stage.missing == ("side effects",) and request.settings == QUICK
    report, _ = tasks.trial(*asked)
    whole = reopening(header, store, {"seven": fact_set})
    assert whole.begun is None and whole.trial[1].probes == report.probes == stage.report.probes


@pytest.mark.parametrize("probes, page", [(None, "trial_edit"), (1, "layer_sweep")])
def test_one_fact_at_every_layer_comes_back_below_its_trial_edit(tmp_path, model, fact_set, probes, page):
    fact = replace(fact_set.facts[1], rephrases=("It is in", "Where it is:"))
    facts = FactSet(name="one", facts=(fact,), n_records=3)
    store = Store(tmp_path)
    metrics = SweepMetrics(probes=probes)  # a cap leaves probes out that a trial edit asks
    _, stored = sweep(model, "one", facts.facts, [1, 3], "rome", QUICK, store, metrics=metrics)
    opened = reopening(RunIndex(store).one(stored.provenance.key), store, {"one": facts})
    record = opened.facts.facts[0].record if page == "trial_edit" else None
    assert (opened.page, opened.record) == (page, record)
    assert (opened.editor, opened.settings) == ("rome", QUICK)


def test_many_edits_come_back_with_their_facts_in_order(tmp_path, model, fact_set):
    store = Store(tmp_path, origin=Origin(question=question()))
    header = ask(store, model, choose(fact_set.facts, 4, 3), "many edits")
    opened = reopening(header, store, {"seven": fact_set})
    assert (opened.page, opened.at_hand, opened.layers, opened.many) == ("edits", True, (1, 3), (2, MANY))
    assert (opened.editor, opened.settings) == ("rome", QUICK)
    other = ask(Store(tmp_path, origin=Origin(question=question())), model, fact_set.facts[2:], "many edits")
    made = reopening(other, store, {"seven": fact_set})  # the question's first ones are others
    assert not made.at_hand and choose(made.facts.facts, 2, made.seed) == fact_set.facts[2:4]
    last = content(header, store)
    assert last.metrics["edits"] == "2" and last.picks == (1, 3)


def test_of_a_fact_whose_cells_were_measured_in_two_ways_the_way_with_most_cells_is_compared(tmp_path, model, fact_set):
    facts = [replace(fact, rephrases=("It is in", "Where it is:")) for fact in fact_set.facts[:2]]
    ways = {None: (0, 1, 2), 1: (2, 3)}  # probes a group -> layers; layer 2 in both

    def swept(folder: str, *caps: int | None):
        store = Store(tmp_path / folder)
        for cap in caps:
            metrics = SweepMetrics(probes=cap)
            measured, _ = sweep(model, "two", facts, ways[cap], "rome", QUICK, store, metrics=metrics)
        (header,) = [header for header in RunIndex(store).headers() if header.kind.subject == "sweep"]
        return measured, content(header, store)

    whole, alone = swept("alone", None)
    _capped, both = swept("both", None, 1)
    assert both.curve == pytest.approx(alone.curve, nan_ok=True)
    assert both.curve == pytest.approx(whole.mean("overall"))
    assert (both.metrics["facts"], both.metrics["edits"]) == ("2", "6")


def test_a_sweep_is_compared_by_the_facts_that_have_a_cell_at_every_layer(tmp_path, model, fact_set):
    def swept(folder: str, *parts: tuple[int, int, range]):
        store = Store(tmp_path / folder)
        for first, end, layers in parts:
            sweep(model, "some", fact_set.facts[first:end], layers, "rome", QUICK, store)
        (header,) = [header for header in RunIndex(store).headers() if header.kind.subject == "sweep"]
        return content(header, store)

    alone = swept("alone", (0, 1, range(3)))
    mixed = swept("mixed", (0, 1, range(3)), (1, 2, range(1)), (2, 4, range(2, 3)))
    assert mixed.curve == pytest.approx(alone.curve) and mixed.picks == alone.picks
    assert (mixed.metrics["facts"], mixed.metrics["facts at every layer"]) == ("4", "1")
    apart = swept("apart", (0, 1, range(1)), (1, 2, range(1, 2)))
    assert apart.curve is None and apart.picks == () and apart.metrics["best Overall"] == "n/a"


def test_facts_that_are_nowhere_are_told(tmp_path, model, fact_set):
    store = Store(tmp_path)
    header = ask(store, model, fact_set.facts[:2])
    for path in (tmp_path / "facts").iterdir():
        path.unlink()
    with pytest.raises(LgaError, match="does not record its facts"):
        reopening(header, store, {"seven": fact_set})


def test_a_new_tab_opens_with_the_last_scores_and_what_was_done_last_with_that_model(tmp_path, model, fact_set):
    store = Store(tmp_path)
    other = replace(model, name="another", fingerprint="another")
    assert to_open_first(()) == ()
    scores, trial = (ask(store, model, fact_set.facts[:3], what) for what in ("scores", "trial"))
    assert [header.key for header in to_open_first((trial, scores))] == [scores.key, trial.key]
    assert [header.key for header in to_open_first((scores, trial))] == [scores.key]
    foreign = ask(store, other, fact_set.facts[:3], "trial")
    assert [header.key for header in to_open_first((foreign, trial, scores))] == [foreign.key]


def test_two_runs_side_by_side(tmp_path, model, fact_set):
    store = Store(tmp_path)
    scores, trace, edit, swept = (
        ask(store, model, fact_set.facts, what) for what in ("scores", "trace", "trial", "sweep")
    )
    both = compare(scores, trace, store)
    left, other = both.sides
    expected, _ = tasks.score_layers(
        model,
        "seven",
        fact_set.facts,
        "lga",
        GradientSettings(old="model", loss="answer"),
        tasks.View(bootstrap=0),
        store,
    )
    assert left.curve == pytest.approx(expected.total) and left.picks == expected.selection.golden_layers
    assert not both.one_unit and other.curve_is == "indirect effect at the last subject token"
    names = {name: (one, other) for name, one, other in both.settings}
    assert names["what"] == ("Scores: LGA", "Causal trace: MLP") and names["draws"] == ("–", "1")
    assert "model" not in names and "machine" not in names
    assert compare(scores, scores, store).settings == () and compare(scores, scores, store).rho == 1
    metrics = dict((name, value) for name, value, _ in compare(edit, swept, store).metrics)
    assert metrics["edited"] == "layers 0 and 2" and "→" in metrics["rewrite, teacher-forced"]
    cells = content(swept, store)
    assert [layer for layer, value in enumerate(cells.curve) if value == value] == [1, 3] and cells.picks[0] in (1, 3)
    figure = compared_curves(
        [RunCurve(name=side.curve_is, values=side.curve, unit=side.curve_is, picks=side.picks) for side in both.sides]
    )
    assert list(figure.data[0].y) == pytest.approx(list(left.curve)) and figure.data[1].yaxis == "y2"
