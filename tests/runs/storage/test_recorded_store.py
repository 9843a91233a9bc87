"""Runs that come with the code: read where the store has none, never written, and gone as soon as one is measured."""

from lga_core.results import KnownFactCheck, ModelIdentity
from lga_core.runs.storage.keys import known_facts_run
from lga_core.runs.storage.store import Store

MODEL = ModelIdentity(name="tiny", fingerprint="f", dtype="torch.float32", machine="cpu", layers=4)


def check(greedy: str) -> KnownFactCheck:
    return KnownFactCheck(record=0, known=True, greedy=greedy, probability=0.5)


def test_a_recorded_run_is_read_until_one_is_measured(tmp_path):
    recorded = tmp_path / "recorded"
    known_facts_run(MODEL, Store(recorded)).append("a", check("then"))
    before = {path: path.read_bytes() for path in recorded.iterdir() if path.suffix != ".lock"}
    store = Store(tmp_path / "own", recorded=recorded)
    run = known_facts_run(MODEL, store)
    key = run.provenance.key
    assert store.is_recorded(key) and run.rows(KnownFactCheck)["a"].greedy == "then"
    assert not (tmp_path / "own").exists()
    known_facts_run(MODEL, Store(tmp_path / "own")).append("b", check("now"))
    assert not store.is_recorded(key)
    assert list(run.rows(KnownFactCheck)) == ["b"], "the run that was open already reads what is measured"
    assert {path: path.read_bytes() for path in recorded.iterdir() if path.suffix != ".lock"} == before
