"""`bench page` and `bench load` ask what no page can show from the recorded example."""

from lga_core.bench.dashboard.load_session import SWEPT
from lga_core.bench.dashboard.page_work import SWEEP
from lga_core.bench.measure import after_example, some_facts
from lga_core.runs.shipped import example_writing


def test_their_first_sweeps_are_not_in_the_recorded_example():
    recorded = set(some_facts(example_writing.LIMIT, example_writing.SEED))
    for facts in (SWEEP.facts, SWEPT):
        assert not set(some_facts(facts, after_example(0))) <= recorded
        assert set(some_facts(facts, 0)) <= recorded, "else the seed need not be another one"
