"""The facts of a store: which of its lists are of one fact."""

from dataclasses import replace

from lga_core.data.facts import Fact, facts_fingerprint
from lga_core.runs.storage.store import Store

KING = Fact(record=3, prompt="The king is called", subject="king", span=(4, 8), target_new="Ann", target_old=("Bob",))
QUEEN = replace(KING, record=4, prompt="The queen is called", subject="queen", span=(4, 9))


def test_the_fact_of_a_list_of_one_is_told_with_its_record_there(tmp_path):
    log = Store(tmp_path).facts
    log.keep([KING, QUEEN])
    log.keep([KING])
    one, both, other = (facts_fingerprint(facts) for facts in ([KING], [KING, QUEEN], [QUEEN]))
    assert log.single([one, both, other, "never kept"]) == {one: KING}
