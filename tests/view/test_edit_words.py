"""An edit's numbers in words, and what its second moments take."""

import math
from dataclasses import replace

from lga_core.results import Metric, MomentPlan
from lga_core.view.words.edits.sentences import before_after, moment_details, moment_headline, relative_error
from lga_core.view.words.text import fixed

PLAN = MomentPlan(
    layers=(1,),
    kept=(),
    filled=(0, 1, 2, 3),
    passes=1,
    tokens=320,
    tokens_to_write=320,
    tokens_to_read=12_320,
    disk_bytes=131_072_000,
    memory_bytes=65_000_000,
    seconds=61.4,
)


def metric(teacher_forced: float | None, free: float | None = None, n: int = 1) -> Metric:
    return Metric(teacher_forced=teacher_forced, free=free, n=n)


def test_percentages_before_and_after():
    assert before_after(metric(0.0, 50.0), metric(99.6, None), "teacher_forced") == "0 → 100"
    assert before_after(metric(0.0, 50.0), metric(99.6, None), "free") == "50 → n/a"
    assert before_after(metric(None), metric(None, n=0), "free") == "n/a"
    assert fixed(None) == "n/a" and relative_error(None) == relative_error(math.inf) == "n/a"
    assert relative_error(1.23e-5) == "1.2e-05"


def test_what_second_moments_take():
    assert moment_headline(PLAN) == "The second moment C comes first: about 61 s."
    assert moment_headline(replace(PLAN, seconds=None)) == "The second moment C comes first: time not known yet."
    assert moment_headline(replace(PLAN, layers=(1, 2), filled=())) == (
        "Second moment C of layers 1 and 2: kept, nothing to compute."
    )
    assert moment_details(PLAN, "the model’s own text") == (
        "4 layers from 12,320 tokens of the model’s own text, which it writes first; 0.1 GB on disk, 65 MB of memory. "
        "Kept, so that later edits need none of it."
    )
    assert ", 2 passes;" in moment_details(replace(PLAN, tokens_to_write=0, passes=2), "text.txt")
