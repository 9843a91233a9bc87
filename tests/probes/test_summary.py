"""Means within a probe group, then over groups."""

from lga_core.probes.summary import mean_over_groups, overall, summarize
from lga_core.results import Metric, ProbeResult


def probe(metric, group, before, after, free=(False, True)):
    return ProbeResult(
        metric=metric,
        group=group,
        prompt="p",
        expected="e",
        before=before,
        after=after,
        free_before=free[0],
        free_after=free[1],
        text_before="",
        text_after="",
    )


def test_metrics_are_means_within_groups_then_over_groups():
    probes = [
        probe("portability", "Reasoning", 0, 100),
        probe("portability", "Reasoning", 0, 50),
        probe("portability", "Aliasing", 50, 25),
        probe("rewrite", "rewrite", 0, 100),
    ]
    before, after = summarize(probes)
    assert before["portability"].teacher_forced == 25
    assert after["portability"].teacher_forced == (75 + 25) / 2
    assert after["portability"].n == 3
    assert (before["portability"].free, after["portability"].free) == (0, 100)
    assert after["locality"] == Metric(teacher_forced=None, free=None, n=0)
    assert overall(after) == (75, ("rewrite", "portability"))
    assert overall({name: Metric(teacher_forced=None, free=None, n=0) for name in after}) == (None, ())
    assert mean_over_groups(probes, [1, 2, 5, 9], "portability") == (1.5 + 5) / 2
    assert mean_over_groups(probes, [1, 2, 5, 9], "locality") is None
