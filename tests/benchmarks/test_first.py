"""What `bench first` edits and how its table is made; the walk itself needs a browser and a default model."""

from lga_core.bench.dashboard.first import EDIT, FIRST_VIEW, GOAL_SECONDS, first_fact, table_rows, unseen_seeds
from lga_core.runs.shipped import example
from lga_core.runs.storage.store import Store


def test_no_edit_is_of_a_fact_that_was_measured_before():
    facts = [first_fact(seed) for seed in unseen_seeds(7, 3)]
    assert len({fact.fingerprint for fact in facts}) == 7
    assert not Store(example.FOLDER).facts.named(fact.fingerprint for fact in facts)
    assert all(fact.target_new for fact in facts)


def test_the_table_has_medians_beside_goals():
    rows = {row["what"]: row for row in table_rows({FIRST_VIEW: [2.5, 1.5], EDIT: [3.0, 9.0, 4.0]})}
    assert rows[FIRST_VIEW] == {
        "what": FIRST_VIEW, "seconds": 2.0, "smallest": 1.5, "largest": 2.5, "n": 2, "goal": 2.0,
    }  # fmt: skip
    assert (rows[EDIT]["seconds"], rows[EDIT]["n"], rows[EDIT]["goal"]) == (4.0, 3, GOAL_SECONDS[EDIT])
