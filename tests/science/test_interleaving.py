"""Two jobs on one model: each gives what it gives alone, and one that is stopped leaves nothing behind.

Jobs are the engine's own generators. They hold the model for one step at a time, so that any two can take turns: a
hook, an edit or a gradient mode that stayed open across a yield would be seen by the other.
"""

import dataclasses
import json
import threading
from collections.abc import Callable, Generator, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import drain, tiny_model

from lga_core.data.facts import Fact
from lga_core.editing.rank_one import RankOneSettings
from lga_core.editing.value import ValueSettings
from lga_core.evaluation import fluency
from lga_core.evaluation.sweep import sweep_cells
from lga_core.evaluation.trial import trial_edit
from lga_core.models import moments, own_text
from lga_core.models.fingerprint import weights_hash
from lga_core.models.loaded import LoadedModel
from lga_core.models.moments import second_moment
from lga_core.results import Progress, SurveyRow
from lga_core.runs.jobs import Job
from lga_core.scores import attribution, cma, forecast, lga
from lga_core.scores import survey as asking
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.token_attribution import token_attribution

FAMILIES = ("gpt2", "llama", "gemma3")
TRACED = cma.CmaSettings(draws=2)
RANK_ONE = RankOneSettings(value=ValueSettings(steps=3, learning_rate=0.02, weight_decay=0.0), contexts=2,
                           covariance="identity")
SWEPT = dataclasses.replace(RANK_ONE, contexts=1)      # v* of its own: a trial's, read back, has other last digits
Steps = Iterator[Any]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Bench:
    """A model with three facts that it is told it knows, so that every method has something to do."""

    model: LoadedModel
    facts: tuple[Fact, ...]
    told: tuple[SurveyRow, ...]

    def rows(self, name: str, settings: Any) -> Steps:
        return MEASUREMENTS[name].rows(self.model, self.facts, self.told, settings, frozenset())


JOBS: dict[str, Callable[[Bench], Steps]] = {
    "survey": lambda bench: asking.survey(bench.model, bench.facts),
    "lga": lambda bench: bench.rows("gradients", lga.GradientSettings()),
    "cma": lambda bench: bench.rows("trace-mlp", TRACED),
    "gradxact": lambda bench: bench.rows("gradxact", attribution.GradxactSettings()),
    "ig": lambda bench: bench.rows("ig", attribution.IgSettings(steps=2)),
    "forecast": lambda bench: bench.rows("forecast", forecast.ForecastSettings(covariance="identity")),
    "trace": lambda bench: cma.trace(bench.model, bench.facts[0], bench.told[0], "hidden", TRACED, 1.0),
    "tokens": lambda bench: token_attribution(bench.model, bench.facts[0], bench.told[0], n_steps=2),
    "trial": lambda bench: trial_edit(bench.model, bench.facts[0], (1, 2), "r-rome", RANK_ONE),
    "sweep": lambda bench: swept(bench),
    "moments": lambda bench: second_moment(bench.model, 1),
}


def swept(bench: Bench) -> Steps:
    """A sweep's steps, each with its cells after it."""
    for step in sweep_cells(bench.model, bench.facts, (0, 1), "r-rome", SWEPT):
        yield step
        yield from getattr(step, "cells", ())


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Many steps of little work: a fact a batch, few states a chunk, short texts; one thread is faster at this size."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(lga, "BATCH_TOKENS", 1)
    monkeypatch.setattr(forecast, "BATCH_TOKENS", 1)
    monkeypatch.setattr(asking, "BATCH", 1)
    monkeypatch.setattr(cma, "CHUNK_TOKENS", 64)
    monkeypatch.setattr(own_text, "CORPUS_TOKENS", 6)
    monkeypatch.setattr(fluency, "LENGTH", 4)
    monkeypatch.setattr(moments, "BATCH_TOKENS", 128)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called before each run, so that second moments and prefixes are made again and not read."""
    numbers = iter(range(1_000_000))

    def renew() -> None:
        monkeypatch.setenv("LGA_HOME", str(tmp_path / str(next(numbers))))

    renew()
    return renew


@pytest.fixture
def bench(request: pytest.FixtureRequest, facts: tuple[Fact, ...]) -> Bench:
    model = tiny_model(request.param)
    chosen = facts[:3]
    told = tuple(dataclasses.replace(row, known=True) for row in asking.survey(model, chosen))
    return Bench(model=model, facts=chosen, told=told)


def numbered(steps: Steps) -> Generator[Progress, None, list]:
    """Any engine generator as a job's steps; what it yielded (rows, not progress) and returned are the result."""
    found, done = [], 0
    while True:
        try:
            item = next(steps)
        except StopIteration as stop:
            return [*found, *([] if stop.value is None else [stop.value])]
        if not isinstance(item, Progress):
            found.append(item)
        done += 1
        yield Progress(label="steps", done=done, total=done)


def content(result: list) -> list:
    """Every number of a result, but for the seconds that it took."""
    def without_seconds(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_seconds(item) for key, item in value.items() if key != "seconds"}
        return [without_seconds(item) for item in value] if isinstance(value, list) else value

    return [item.tolist() if torch.is_tensor(item) else without_seconds(json.loads(item.to_json())) for item in result]


def in_turns(first: Generator, second: Generator) -> tuple[list, list]:
    """One step of each in turn, until both have ended."""
    results: dict[int, list] = {}
    while len(results) < 2:
        for number, steps in enumerate((first, second)):
            if number not in results:
                try:
                    next(steps)
                except StopIteration as stop:
                    results[number] = stop.value
    return results[0], results[1]


def is_free(model: LoadedModel) -> bool:
    """Whether another thread could take the model now; the lock lets its own thread in again and again."""
    taken: list[bool] = []

    def take() -> None:
        taken.append(model.lock.acquire(blocking=False))
        if taken[0]:
            model.lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return taken[0]


def assert_untouched(model: LoadedModel, weights: str, when: str) -> None:
    for name, module in model.model.named_modules():
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
        assert not any(hooks), f"{when}: a hook is left on {name}"
    assert not any(weight.requires_grad or weight.grad is not None for weight in model.model.parameters()), when
    assert weights_hash(model.model) == weights, f"{when}: a weight has changed"
    assert is_free(model), f"{when}: the model is still held"
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled(), f"{when}: the gradient mode has changed"
    assert not model.model.training, when


@pytest.mark.parametrize("bench", FAMILIES, indirect=True)
def test_every_pair_of_jobs_gives_what_each_gives_alone(bench, fresh_cache):
    alone, steps = {}, {}
    for name, job in JOBS.items():
        fresh_cache()
        steps[name] = sum(1 for _ in numbered(job(bench)))
        fresh_cache()
        alone[name] = content(drain(numbered(job(bench))))
    assert min(steps.values()) >= 2 and max(steps.values()) >= 8, steps
    weights = weights_hash(bench.model.model)
    for first, second in combinations(JOBS, 2):
        fresh_cache()
        found = in_turns(numbered(JOBS[first](bench)), numbered(JOBS[second](bench)))
        assert content(found[0]) == alone[first], f"{first} beside {second}"
        assert content(found[1]) == alone[second], f"{second} beside {first}"
        assert_untouched(bench.model, weights, f"{first} and {second} in turns")


@pytest.mark.parametrize("bench", ["llama"], indirect=True)
@pytest.mark.parametrize(("first", "second"), [*zip(JOBS, [*list(JOBS)[1:], "survey"], strict=True), ("lga", "trial"),
                                               ("cma", "trial"), ("lga", "moments")])
def test_jobs_in_two_threads_give_what_each_gives_alone(bench, fresh_cache, first, second):
    alone = []
    for name in (first, second):
        fresh_cache()
        alone.append(content(drain(numbered(JOBS[name](bench)))))
    fresh_cache()
    weights = weights_hash(bench.model.model)
    jobs = [Job(name, lambda name=name: numbered(JOBS[name](bench)), grace=None) for name in (first, second)]
    assert all(job.wait(60) for job in jobs)
    assert [job.error for job in jobs] == [None, None]
    assert [content(job.result) for job in jobs] == alone
    assert_untouched(bench.model, weights, f"{first} and {second} in two threads")


class Stopped(BaseException):
    """Like a UI's stop signal: no Exception."""


@pytest.mark.parametrize("bench", FAMILIES, indirect=True)
@pytest.mark.parametrize("name", JOBS)
def test_a_job_stopped_at_any_step_leaves_the_model_as_it_was(bench, fresh_cache, name):
    weights = weights_hash(bench.model.model)
    stop_at = 0
    while True:
        stop_at += 1
        fresh_cache()
        steps = JOBS[name](bench)
        try:
            for _ in range(stop_at):
                next(steps)
        except StopIteration:
            break
        assert_untouched(bench.model, weights, f"{name} paused at step {stop_at}")
        with pytest.raises(Stopped):
            steps.throw(Stopped())
        assert_untouched(bench.model, weights, f"{name} stopped at step {stop_at}")
    assert stop_at > 2, "nothing was stopped"


@pytest.mark.parametrize("bench", ["llama"], indirect=True)
@pytest.mark.parametrize("name", JOBS)
def test_a_job_beside_one_that_is_stopped_goes_on(bench, fresh_cache, name):
    fresh_cache()
    alone = content(drain(numbered(JOBS[name](bench))))
    for other in JOBS:
        fresh_cache()
        stopped, kept = JOBS[other](bench), numbered(JOBS[name](bench))
        next(stopped)
        next(kept)
        with pytest.raises(Stopped):
            stopped.throw(Stopped())
        assert content(drain(kept)) == alone, f"{name} beside {other}, stopped"
