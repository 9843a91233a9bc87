"""The work of the engine process: results as on the command line, shared jobs, short work first, cancel."""

import dataclasses
import json

import pytest
from conftest import make_fact

from lga_core.models.loading import load
from lga_core.progress import Phase
from lga_core.runs import tasks
from lga_core.runs.storage.keys import known_facts_run
from lga_core.runs.storage.store import Store
from lga_core.scores.methods import View, layer_scores
from lga_core.service.process import machine
from lga_core.service.reading.stored import scored_facts
from lga_core.service.reading.sweep import SweepReader
from lga_core.service.requests import KnownFactsRequest, ScoreRequest, SweepRequest, TrialRequest
from tests.service.asking import EDIT, SECONDS, done, long_request, needs, proxy, until, working


def test_the_store_holds_what_the_same_functions_give_in_this_process(client, tiny_folder, tmp_path):
    request = ScoreRequest(model=str(tiny_folder), proxy=proxy(), needs=needs("gradients"))
    done(client.start(request, "Scoring layers"))
    identity = machine.identity(str(tiny_folder))
    scored = scored_facts(identity, request.proxy, request.needs, Store())
    rows, stored = scored.measured[request.needs[0]]
    assert stored.complete and len(rows) == 4 and len(scored.checks) == 4
    model = load(str(tiny_folder))
    here, _ = tasks.measure(
        model, "eight", request.proxy.facts, "gradients", request.needs[0].settings, Store(tmp_path / "own")
    )
    one = layer_scores("lga", rows, identity.layers, View(bootstrap=0))
    other = layer_scores("lga", here, model.layers, View(bootstrap=0))
    assert one.selection.ranking == other.selection.ranking
    assert one.total == pytest.approx(other.total, rel=1e-6)


def test_equal_questions_share_a_job_and_progress_is_told(client, tiny_folder):
    request = long_request(tiny_folder)
    job = client.start(request, "Sweeping")
    assert client.start(request, "Sweeping") is job
    working(job, Phase.SWEEP)
    client.cancel(job)
    assert job.wait(SECONDS) and job.snapshot().state == "cancelled"


def test_of_two_who_asked_the_same_one_can_cancel_and_the_other_gets_its_result(client, tiny_folder):
    request = long_request(tiny_folder, " shared by", steps=200)
    first = client.start(request, "Sweeping", "one")
    working(first, Phase.SWEEP)
    second = client.start(request, "Sweeping", "other")
    assert second is not first and second.number == first.number, "one piece of work for both"
    assert second.snapshot().progress is not None, "it begins where the work is"
    client.cancel(first)
    assert first.snapshot().state == "cancelled" and second.alive
    done(second)
    assert SweepReader(machine.identity(str(tiny_folder)), request, 0, Store()).read().sweeps["proxy"].complete


def test_sessions_that_ask_overlapping_things_at_once_share_every_cell_and_check(client, tiny_folder):
    first = long_request(tiny_folder, " overlapping", steps=60)
    second = dataclasses.replace(first, proxy=dataclasses.replace(first.proxy, limit=5), layers=(1, 2, 3))
    score = ScoreRequest(model=str(tiny_folder), proxy=first.proxy, needs=needs("gradients"))
    begun = client.start(first, "Sweeping", "one")
    working(begun, Phase.SWEEP)
    others = [
        client.start(second, "Sweeping", "other"),
        client.start(score, "Scoring", "other"),
        client.start(KnownFactsRequest(model=str(tiny_folder), facts=first.proxy.facts), "Asking", "third"),
    ]
    for job in (begun, *others):
        done(job)
    identity = machine.identity(str(tiny_folder))
    cells = SweepReader(identity, first, 0, Store()).read().parts["proxy"][1]
    for key, rows in ((cells.provenance.key, 8 * 3 + 5), (known_facts_run(identity, Store()).provenance.key, None)):
        lines = Store().path(key, ".jsonl").read_bytes().splitlines()
        names = [json.loads(line)["of"] for line in lines]
        assert len(names) == len(set(names)) == Store().find(key).notes.rows
        assert rows is None or len(names) == rows


def test_a_cancelled_job_keeps_what_it_finished_and_goes_on_from_there(client, tiny_folder):
    request = long_request(tiny_folder, " the city of", steps=100)
    reader = SweepReader(machine.identity(str(tiny_folder)), request, 0, Store())

    def cells() -> int:
        part = reader.read().parts.get("proxy")
        return 0 if part is None else int((part[0].measured == 1).sum())

    job = client.start(request, "Sweeping")
    until(lambda: cells() > 0 or not job.alive)
    client.cancel(job)
    assert job.wait(SECONDS) and job.snapshot().state == "cancelled"
    kept = cells()
    assert 0 < kept < 24
    again = client.start(request, "Sweeping")
    assert again is not job
    done(again)
    assert cells() == 24 and reader.read().parts["proxy"][1].complete


def test_short_work_goes_ahead_of_a_long_job_which_goes_on(client, tiny_folder):
    long = client.start(long_request(tiny_folder, " in"), "Sweeping")
    working(long, Phase.SWEEP)
    fact = make_fact(0, "The Space Needle is near", "Space Needle", "Boston", "Seattle")
    trial = TrialRequest(
        model=str(tiny_folder), facts_name="one", fact=fact, layers=(1,), editor="r-rome", settings=EDIT
    )
    report, stored = done(client.start(trial, "Editing"))
    assert report.layers == (1,) and stored.complete
    assert long.alive
    before = long.snapshot().progress
    until(lambda: not long.alive or long.snapshot().progress != before)
    assert long.alive
    client.cancel(long)
    assert long.wait(SECONDS)


def test_a_sweep_is_read_cell_by_cell(client, tiny_folder):
    request = SweepRequest(
        model=str(tiny_folder),
        proxy=proxy(2, " at"),
        test=None,
        layers=(0, 1, 2),
        editor="r-rome",
        settings=EDIT,
    )
    done(client.start(request, "Sweeping"))
    sweep, stored = SweepReader(machine.identity(str(tiny_folder)), request, 0, Store()).read().parts["proxy"]
    assert (sweep.measured == 1).sum() == 6 and stored.complete


def test_an_error_reaches_the_page_as_one_message(client, tmp_path):
    job = client.start(KnownFactsRequest(model=str(tmp_path / "nowhere"), facts=proxy().facts), "Asking")
    assert job.wait(SECONDS)
    assert job.snapshot().state == "failed" and "nowhere" in job.error.cause and job.error.hint
