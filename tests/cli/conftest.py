"""The command line as a user runs it: real processes, a tiny model's folder, a cache folder of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lga_core.cli import main

ROOT = Path(__file__).resolve().parents[2]

RECORDS = [
    {
        "prompt": f"{subject} is in",
        "subject": subject,
        "target_new": new,
        "ground_truth": [old],
        "rephrase_prompt": f"Everybody knows {subject} is in",
        "locality": {"Neighborhood": [{"prompt": "The capital of France is", "ground_truth": ["Paris"]}]},
        "portability": {"Reasoning": [{"prompt": f"The state of {subject} is", "ground_truth": "Washington"}]},
    }
    for subject, new, old in (
        ("The Space Needle", "Boston", "Seattle"),
        ("The Eiffel Tower", "Rome", "Paris"),
        ("Toyota", "Brazil", "Japan"),
    )
]
SKIPPED = {"prompt": "Berlin is big", "subject": "London", "target_new": "small"}
NO_NEW = {"prompt": "LeBron James plays", "subject": "LeBron James", "ground_truth": ["basketball"]}


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self):
        def refuse(constant: str):
            raise AssertionError(f"{constant} is no JSON")

        return json.loads(self.out, parse_constant=refuse)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One a module: what is answered from the store does not hang on which other modules ran before."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def fact_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records 0 to 2 are whole, 3 is skipped, 4 has no new answer."""
    path = tmp_path_factory.mktemp("facts") / "small.json"
    path.write_text(json.dumps([*RECORDS, SKIPPED, NO_NEW]))
    return path


@pytest.fixture
def here(home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """The same in this process, which spares the seconds that a start takes."""
    monkeypatch.setenv("LGA_HOME", str(home))
    monkeypatch.setenv("LGA_OFFLINE", "1")

    def call(*arguments: object) -> Answer:
        code = main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture(scope="module")
def lga(home: Path) -> Callable[..., Answer]:
    """`lga("score", model, …)` runs `python -m lga_core score model …` in a process of its own."""

    def call(*arguments: object, **environment: str) -> Answer:
        variables = {**os.environ, "LGA_HOME": str(home), "OMP_NUM_THREADS": "1", "LGA_OFFLINE": "1", **environment}
        done = subprocess.run(
            [sys.executable, "-m", "lga_core", *map(str, arguments)],
            cwd=ROOT,
            env=variables,
            capture_output=True,
            text=True,
            timeout=1200,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return call
