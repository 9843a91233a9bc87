"""What a sweep takes, as it is said before it starts, while it runs and after it."""

from view.made_sweep import sweep

from lga_core.view.words.sweep.sentences import sweep_size, sweep_takes


def test_the_size_is_the_most_there_can_be_until_the_facts_are_known():
    assert sweep_size(30, {}, 40) == "Up to 1,200 edits: 40 facts × 30 layers."
    assert sweep_size(30, {"proxy": 32, "test": 1}, 40) == "32 proxy facts and 1 test fact × 30 layers."


def test_the_time_is_told_as_far_as_it_is_known():
    assert sweep_takes(30, {}, [], running=False) == "Time: not known yet."
    facts = {"proxy": 12}
    unknown = "216 edits. Time: not known yet; the first batch tells."
    assert sweep_takes(18, facts, [], running=False) == unknown == sweep_takes(18, facts, [sweep(of=0)], running=False)
    assert "at 1.5 s each" in sweep_takes(18, facts, [sweep(of=16)], running=False)
    assert sweep_takes(18, facts, [sweep()], running=False) == "All 216 edits are measured."


def test_while_it_runs_the_time_is_told_elsewhere():
    assert sweep_takes(18, {"proxy": 12}, [sweep(of=16)], running=True) == "216 edits."
