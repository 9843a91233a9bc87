"""Two jobs on one model: each gives what it gives alone, and one that is cancelled leaves nothing behind.

A job holds the model for one step at a time, and another may use it wherever a reporter is called or a row comes.
"""

import dataclasses
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, count
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import tiny_model
from reporting import assert_nothing_open, cancel_at, checked
from trying import trial_edit
from weights import weights_hash

from lga_core.data.facts import Fact
from lga_core.editing.edits import DenseEdit, applied
from lga_core.editing.settings import RankOneSettings, ValueSettings
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.evaluation.side_effects import fluency
from lga_core.models.loaded import LoadedModel
from lga_core.models.moments import second_moment as moments
from lga_core.models.running.hooks import on_outputs
from lga_core.models.text import own_text
from lga_core.progress import Cancelled, Phase, Progress, Reporter, silent
from lga_core.results import KnownFactCheck
from lga_core.scores import known_facts
from lga_core.scores.attribution.token_attribution import token_attribution
from lga_core.scores.forecast import forecast
from lga_core.scores.gradients import lga
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.settings import (
    CmaSettings,
    ForecastSettings,
    GradientSettings,
    GradxactSettings,
    HiddenDistanceSettings,
    IgSettings,
)
from lga_core.scores.tracing import cma

TRACED = CmaSettings(draws=2)
RANK_ONE = RankOneSettings(
    value=ValueSettings(steps=3, learning_rate=0.02, weight_decay=0.0), contexts=2, covariance="identity"
)
SWEPT = dataclasses.replace(RANK_ONE, contexts=1)  # v* of its own: a trial's, read back, has other last digits


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A model with three facts that count as known, so that every method has something to do."""

    model: LoadedModel
    facts: tuple[Fact, ...]
    checks: tuple[KnownFactCheck, ...]

    def rows(self, name: str, settings: Any, report: Reporter) -> Iterable:
        return MEASUREMENTS[name].rows(self.model, self.facts, self.checks, settings, report=report)


def one(result: Any) -> list:
    return [result]


JOBS: dict[str, Callable[[Subject, Reporter], Iterable]] = {
    "sweep": lambda on, report: sweep_cells(on.model, on.facts, (0, 1), "r-rome", SWEPT, report=report),
    "lga": lambda on, report: on.rows("gradients", GradientSettings(), report),
    "cma": lambda on, report: on.rows("trace-mlp", TRACED, report),
    "trial": lambda on, report: one(trial_edit(on.model, on.facts[0], (1, 2), "r-rome", RANK_ONE, report=report)),
}
OTHERS: dict[str, Callable[[Subject, Reporter], Iterable]] = {
    "known facts": lambda on, report: known_facts.check_known_facts(on.model, on.facts, report=report),
    "gradxact": lambda on, report: on.rows("gradxact", GradxactSettings(), report),
    "ig": lambda on, report: on.rows("ig", IgSettings(steps=2), report),
    "forecast": lambda on, report: on.rows("forecast", ForecastSettings(covariance="identity"), report),
    "hidden distance": lambda on, report: on.rows("hidden-distance", HiddenDistanceSettings(), report),
    "trace": lambda on, report: one(
        cma.trace(on.model, on.facts[0], on.checks[0], "hidden", TRACED, 1.0, report=report)
    ),
    "tokens": lambda on, report: one(token_attribution(on.model, on.facts[0], on.checks[0], n_steps=2, report=report)),
    "moments": lambda on, report: one(moments.second_moment(on.model, 1, report=report)),
}


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Many steps of little work: a fact a batch, few states a chunk, short texts; one thread is faster at this size."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(lga, "BATCH_TOKENS", 1)
    monkeypatch.setattr(forecast, "BATCH_TOKENS", 1)
    monkeypatch.setattr(known_facts, "BATCH", 1)
    monkeypatch.setattr(cma, "CHUNK_TOKENS", 64)
    monkeypatch.setattr(own_text, "CORPUS_TOKENS", 6)
    monkeypatch.setattr(fluency, "LENGTH", 4)
    monkeypatch.setattr(moments, "BATCH_TOKENS", 128)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Called before each run, so that prefixes, values and second moments are computed again and not read."""
    numbers = count()
    return lambda: monkeypatch.setenv("LGA_HOME", str(tmp_path / str(next(numbers))))


@pytest.fixture
def subject(request: pytest.FixtureRequest, facts: tuple[Fact, ...]) -> Subject:
    model = tiny_model(request.param)
    checks = known_facts.check_known_facts(model, facts[:3])
    return Subject(model=model, facts=facts[:3], checks=tuple(dataclasses.replace(row, known=True) for row in checks))


def run_job(name: str, subject: Subject, report: Reporter) -> list:
    """The rows of a job, each stored and reported as it comes, as `runs` does."""
    rows = []
    for row in checked((JOBS | OTHERS)[name](subject, report)):
        rows.append(row)
        report(Progress(phase=Phase.SWEEP, done=len(rows), total=len(rows)))
    return content(rows)


def content(result: Iterable) -> list:
    """Every number of a result, but for the seconds that it took."""

    def without_seconds(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without_seconds(item) for key, item in value.items() if key != "seconds"}
        return [without_seconds(item) for item in value] if isinstance(value, list) else value

    return [item.tolist() if torch.is_tensor(item) else without_seconds(json.loads(item.to_json())) for item in result]


class Turns:
    """Two threads, of which one runs at a time: at each of its steps it hands over to the other."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._turn = 0
        self._ended: set[int] = set()

    def step(self, me: int) -> None:
        with self._changed:
            self._turn = 1 - me
            self._changed.notify_all()
        self.wait(me)

    def wait(self, me: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self._turn == me or 1 - me in self._ended, timeout=60)

    def end(self, me: int) -> None:
        with self._changed:
            self._ended.add(me)
            self._changed.notify_all()


def in_turns(subject: Subject, names: tuple[str, str]) -> list[list]:
    """Both jobs in threads of their own, a step of each in turn; their results."""
    turns = Turns()
    results: dict[int, list] = {}

    def run(me: int) -> None:
        def report(step: Progress) -> None:
            silent(step)  # looks whether anything is open
            turns.step(me)

        turns.wait(me)
        try:
            results[me] = run_job(names[me], subject, report)
        finally:
            turns.end(me)

    threads = [threading.Thread(target=run, args=(me,)) for me in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[me] for me in range(2)]


@pytest.mark.parametrize("subject", ["gpt2", "llama", "gemma3"], indirect=True)
def test_two_jobs_that_take_turns_give_what_each_gives_alone(subject, fresh_cache):
    alone = {}
    for name in JOBS:
        fresh_cache()
        alone[name] = run_job(name, subject, silent)
    weights = weights_hash(subject.model.model)
    for names in combinations(JOBS, 2):
        fresh_cache()
        assert in_turns(subject, names) == [alone[name] for name in names], names
        assert_nothing_open(str(names))
        assert weights_hash(subject.model.model) == weights, names


@pytest.mark.parametrize("subject", ["llama"], indirect=True)
@pytest.mark.parametrize("name", [*JOBS, *OTHERS])
def test_a_job_cancelled_at_any_step_leaves_the_model_as_it_was(subject, fresh_cache, name):
    weights = weights_hash(subject.model.model)
    for number in count(1):
        fresh_cache()
        try:
            run_job(name, subject, cancel_at(number))
        except Cancelled:
            assert_nothing_open(f"{name} cancelled at step {number}")
            assert weights_hash(subject.model.model) == weights, f"{name} cancelled at step {number}"
        else:
            break
    assert number > 2, "nothing was cancelled"


@pytest.mark.parametrize("subject", ["llama"], indirect=True)
def test_whatever_is_open_at_a_report_is_seen(subject):
    """The check that all other tests rely on."""
    model = subject.model
    mlp = model.architecture.blocks[1].mlp
    down = model.architecture.blocks[1].down
    edit = DenseEdit(layer=1, matrix=down.name, delta=torch.zeros(down.d_out, down.d_in))
    weight = next(model.model.parameters())
    step = Progress(phase=Phase.LGA, done=0, total=1)
    silent(step)
    for open_ in (
        model.using("a test"),
        on_outputs({mlp: lambda given, output: None}),
        applied(model, [edit]),
        torch.no_grad(),
        torch.inference_mode(),
    ):
        with open_, pytest.raises(AssertionError):
            silent(step)
    for change, undo in (
        (weight.requires_grad_, lambda: weight.requires_grad_(False)),
        (model.model.train, model.model.eval),
        (
            lambda: setattr(model.tokenizer, "padding_side", "left"),
            lambda: setattr(model.tokenizer, "padding_side", "right"),
        ),
    ):
        change()
        with pytest.raises(AssertionError):
            silent(step)
        undo()
    silent(step)
