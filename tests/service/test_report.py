"""The report of a real question on the tiny model: what the store has of it, by its question and by its runs."""

import html
from dataclasses import replace

import numpy as np
import pytest
from conftest import CHAT_TEMPLATE, make_fact, tiny_model

from lga_core.data.load import shipped_licence, shipped_sets
from lga_core.editing.settings import RankOneSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.evaluation.settings import ManyEditsSettings, MetricSettings
from lga_core.evaluation.side_effects import fluency
from lga_core.runs import tasks
from lga_core.runs.experiments.many_edits import many_edits
from lga_core.runs.experiments.sweeps import sweep
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.store import Store
from lga_core.scores.settings import CmaSettings, GradientSettings
from lga_core.service.reading import report_runs
from lga_core.service.reading.method_scores import ScoreChoices
from lga_core.service.reading.report import CITATION, ReportRequest, question_report
from lga_core.service.reading.report_runs import report_of_runs
from lga_core.service.requests import AverageTraceRequest, ManyEditsRequest, ProxySet, SweepRequest, TraceRequest
from lga_core.view.export.report_html import PAPER, report_html
from lga_core.view.words.scores.average_trace import average_sentence

SUBJECTS = ("Space Needle", "Eiffel Tower", "Toyota")
FACTS = tuple(make_fact(n, f"The {name} is in", name, "Boston", "Paris") for n, name in enumerate(SUBJECTS))
QUICK = RankOneSettings(value=ValueSettings(steps=2), contexts=0, covariance="identity")
PROXY = ProxySet(name="three", candidates=FACTS, limit=3)
CMA = CmaSettings(draws=1)


@pytest.fixture(scope="module")
def model():
    made = tiny_model("llama")
    return replace(made, name="gpt2")  # one that the catalogue knows: a report names its licence


@pytest.fixture(scope="module")
def asked(model, tmp_path_factory):
    """A store with scores, a trace, a trial edit and a sweep; the request; each run by what it is of."""
    store = Store(tmp_path_factory.mktemp("runs"))
    gradients = tasks.measure(model, "three", FACTS, "gradients", GradientSettings(), store)[1]
    trace = tasks.trace_fact(model, "three", FACTS[1], "mlp", CMA, FACTS, store)[1]
    best = MetricSettings(answers="best")
    trial = tasks.trial(model, "three", FACTS[1], [2], "rome", QUICK, store, metrics=best, diagnose=False)
    swept = sweep(model, "three", FACTS, range(4), "rome", QUICK, store)[1]
    shared = {"model": "gpt2", "proxy": PROXY}
    request = ReportRequest(
        **shared,
        choices=ScoreChoices(seed=0),
        editor="rome",
        traces=(TraceRequest(**shared, fact=FACTS[1], kinds=("mlp", "attn"), settings=CMA, old="data"),),
        trials=(trial,),
        sweep=SweepRequest(**shared, test=None, layers=tuple(range(4)), editor="rome", settings=QUICK),
    )
    keys = {"scores": gradients, "trace": trace, "trial": trial[1], "sweep": swept}
    return store, request, {name: item.provenance.key for name, item in keys.items()}


def test_it_has_what_is_measured_and_no_more(model, asked):
    store, request, keys = asked
    report = question_report(request, model.identity, store)
    assert {item.provenance.key for item in report.runs} == set(keys.values())
    assert report.lga is not None and report.lga.scores.n_facts == 3 and report.cma is None and report.forecast is None
    assert [trace.kind for trace, _ in report.traces[0].traces] == ["mlp"] and report.traces[0].attribution is None
    assert report.sweep is not None and report.sweep.judged == "proxy" and report.sweep.worth.n_facts == 3
    assert report.every_layer is None and report.ledger is None and report.many_edits is None
    assert report.answer is not None and report.answer.layer is not None
    page = report_html(report)
    for words in ("CMA and Forecast: not measured.", "Eiffel Tower: Paris → Boston", "GPT-2 small", "3 of three"):
        assert words in page, words
    assert all(key in page for key in keys.values())
    assert f"Edit at layer {report.answer.layer}" in page


def test_many_edits_stand_in_it_as_far_as_they_are(model, asked, tmp_path, monkeypatch):
    monkeypatch.setattr(fluency, "LENGTH", 6)
    store, how = Store(tmp_path / "edited"), ManyEditsSettings(every=2, locality=2)
    many = {"facts_name": "three", "facts": FACTS, "layers": (2,), "editor": "rome", "settings": QUICK, "how": how}
    request = replace(asked[1], trials=(), many_edits=ManyEditsRequest(model="gpt2", **many))
    assert question_report(request, model.identity, store).many_edits is None
    result, stored = many_edits(model, **many, store=store)
    report = question_report(request, model.identity, store)
    assert [row.edits for row in report.many_edits[0].checkpoints] == [row.edits for row in result.checkpoints]
    assert stored.provenance.key in report_html(report)


def test_the_same_runs_by_their_keys_are_the_same_report(model, asked, monkeypatch):
    store, request, keys = asked
    monkeypatch.setattr(report_runs, "known_layers", lambda name: 4)  # the catalogue's GPT-2 has 12
    index = RunIndex(store)
    report = report_of_runs([index.one(key) for key in keys.values()], store)
    whole = question_report(request, model.identity, store)
    assert {item.provenance.key for item in report.runs} == set(keys.values())
    assert list(report.lga.scores.total) == list(whole.lga.scores.total)
    assert (report.sweep.worth.best, report.sweep.worth.records) == (whole.sweep.worth.best, (0, 1, 2))
    assert report.trials[0].report == replace(whole.trials[0].report, record=report.trials[0].report.record)


def test_the_traces_of_several_facts_stand_in_it_averaged_as_far_as_they_are(model, asked, tmp_path):
    _store, request, _keys = asked
    store = Store(tmp_path / "traced")
    average = AverageTraceRequest(model="gpt2", proxy=PROXY, facts=3, kinds=("mlp", "attn"), settings=CMA)
    request = replace(request, traces=(), trials=(), sweep=None, average=average)
    facts = [replace(fact, target_old=()) for fact in FACTS]  # traced for the model's own token, known or not
    request = replace(request, proxy=replace(PROXY, candidates=tuple(facts)))
    request = replace(request, average=replace(average, proxy=request.proxy))
    assert question_report(request, model.identity, store).averages == ()
    tasks.known_fact_checks(model, facts, store)
    traced = []
    for place, fact in enumerate(facts):
        report = question_report(request, model.identity, store)
        assert [item.missing for item in report.averages] == ([1] if place == 2 else []), "one trace is no average"
        traced.append(tasks.trace_fact(model, "three", fact, "mlp", CMA, facts, store))
    (item,) = question_report(request, model.identity, store).averages
    assert item.missing == 0 and item.average.kind == "mlp" and item.average.records == (0, 1, 2)
    by_hand = np.mean([trace.effect[trace.subject[1] - 1] for trace, _stored in traced], axis=0)
    np.testing.assert_allclose(item.average.effect[2], by_hand, rtol=1e-12)
    report = question_report(request, model.identity, store)
    keys = {stored.provenance.key for _trace, stored in traced}
    assert {stored.provenance.key for stored in item.runs} == keys == {each.provenance.key for each in report.runs}
    page = report_html(report)
    assert "Average over facts" in page and "Of 3 runs, one a fact" in page and "Partial" not in page
    assert all(key[:16] in page for key in keys) and average_sentence(item.average) in html.unescape(page)


def test_a_report_of_chat_runs_has_nothing_of_plain_prompts(model, asked, monkeypatch):
    store, _request, keys = asked
    monkeypatch.setattr(report_runs, "known_layers", lambda name: 4)
    model.tokenizer.chat_template = CHAT_TEMPLATE
    one = FACTS[1:2]  # the question of a trial alone
    tasks.measure(model, "three", one, "gradients", GradientSettings(), store)
    trial = tasks.trial(model.chatting, "three", one[0], [2], "rome", QUICK, store, diagnose=False)[1].provenance.key
    report = report_of_runs([RunIndex(store).one(trial)], store)
    assert [item.provenance.key for item in report.runs] == [trial] and report.lga is None
    scores = tasks.measure(model.chatting, "three", one, "gradients", GradientSettings(), store)[1].provenance.key
    index = RunIndex(store)
    for headers in ([index.one(scores)], [index.one(trial)], [index.one(scores), index.one(trial)]):
        assert report_of_runs(headers, store).lga.stored.provenance.key == scores
    for headers in ([index.one(trial), index.one(keys["trial"])], [index.one(keys["trial"]), index.one(trial)]):
        with pytest.raises(LgaError, match="with or without its chat template"):
            report_of_runs(headers, store)


def test_a_run_in_another_dtype_is_refused(asked, monkeypatch):
    store, _request, keys = asked
    monkeypatch.setattr(report_runs, "known_layers", lambda name: 4)
    header = RunIndex(store).one(keys["trial"])
    other = replace(header, provenance=replace(header.provenance, machine="cpu, bfloat16, 2 threads"))
    with pytest.raises(LgaError, match="in one dtype"):
        report_of_runs([header, other], store)


def test_a_run_of_another_kind_is_refused_by_name(model, asked):
    store, _request, _keys = asked
    survey = next(header for header in RunIndex(store).headers() if header.kind.subject == "known facts")
    with pytest.raises(LgaError, match="Known facts"):
        report_of_runs([survey], store)


def test_licences_and_the_paper_are_those_that_the_repository_states():
    assert all(shipped_licence(name) for name in shipped_sets()) and shipped_licence("three") is None
    stated = " ".join(CITATION.read_text().split())
    title = PAPER.partition(": ")[2].partition(". arXiv")[0]
    assert title in stated and "arXiv:2602.20207" in stated
