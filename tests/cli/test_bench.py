"""`bench`: its options reach the benchmark that they are for; what no benchmark takes is refused."""

import pytest

from lga_core.bench import BENCHES
from lga_core.models.sources.catalogue import resolve
from lga_core.models.sources.fetching.terms import terms_accepted

MEASURED = {"speedup": None, "seconds": 1.0, "machine": "a machine", "rows": []}


@pytest.fixture
def asked(monkeypatch):
    """What each benchmark was called with; none of them runs."""
    monkeypatch.delenv("LGA_ACCEPT_TERMS", raising=False)
    calls = []

    def stand_in(name):
        def benchmark(model, *, report, **options):
            calls.append((name, model, options))
            return {"name": name, **MEASURED}

        return benchmark

    for name in BENCHES:
        monkeypatch.setitem(BENCHES, name, stand_in(name))
    return calls


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("lga",), ("lga", "smollm2-135m", {"limit": None, "seed": 0})),
        (("cma", "--model", "gpt2", "--limit", 2, "--seed", 3), ("cma", "gpt2", {"limit": 2, "seed": 3})),
        (("page", "--limit", 1), ("page", "smollm2-135m", {"limit": 1, "seed": 0})),
        (("first", "--limit", 1, "--quiet"), ("first", "smollm2-135m", {"limit": 1, "seed": 0})),
        (
            ("load", "--model", "tiny", "--sessions", 2, "--minutes", 0.5, "--accept-terms"),
            ("load", "tiny", {"limit": None, "seed": 0, "sessions": 2, "minutes": 0.5}),
        ),
        (
            ("paper", "--unit", "world/ft-m"),
            ("paper", "smollm2-135m", {"limit": None, "seed": 0, "unit": "world/ft-m"}),
        ),
        (("scale", "--accept-terms"), ("scale", "smollm2-135m", {"limit": None, "seed": 0})),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value[-1], str) else "",
)
def test_the_options_reach_the_benchmark(here, asked, arguments, expected):
    answer = here("bench", *arguments)
    assert answer.code == 0, answer.err
    assert asked == [expected]


def test_a_benchmark_whose_rows_have_different_columns_is_shown(here, monkeypatch):
    rows = [
        {"what": "an edit", "seconds": 2.0, "largest": 3.0, "n": 5},
        {"what": "the plain way", "seconds": 8.0, "n": 3},
    ]
    monkeypatch.setitem(BENCHES, "edit", lambda model, **options: {"name": "edit", **MEASURED, "rows": rows})
    answer = here("bench", "edit")
    assert answer.code == 0, answer.err
    head, *table = [line.split() for line in answer.out.splitlines()[-3:]]
    assert head == ["what", "seconds", "largest", "n"]
    assert [row[-3:] for row in table] == [["2", "3", "5"], ["8", "n/a", "3"]]


def test_the_terms_are_accepted_for_every_process_of_the_benchmark(here, asked):
    gemma = resolve("gemma-3-270m")
    assert here("bench", "lga", "--model", gemma.id).code == 0 and not terms_accepted(gemma)
    assert here("bench", "lga", "--model", gemma.id, "--accept-terms").code == 0 and terms_accepted(gemma)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lga", "--chat"), "No such option: --chat"),
        (("lga", "--sessions", "2"), "bench lga has no --sessions. Leave it out, or run bench load."),
        (("--unit", "world/r-rome"), "bench has no --unit. Leave it out, or run bench paper."),
        (("scale", "--model", "gpt2"), "bench scale has no --model: it makes its models itself."),
        (("nothing", "--minutes", "1"), "There is no benchmark 'nothing'."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_a_benchmark_does_not_take_is_refused(here, asked, arguments, words):
    answer = here("bench", *arguments)
    assert answer.code == 2 and answer.err.startswith(words) and answer.err.count("\n") == 1
    assert not asked


def test_what_it_only_takes_for_scripts_is_told(here, asked):
    answer = here("bench", "lga", "--device", "cpu", "--dtype", "float32", "--shuffle", "1")
    assert answer.code == 0 and answer.err == "bench does not use --shuffle, --device, --dtype.\n"
