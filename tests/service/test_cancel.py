"""What a job that is cancelled, has ended, or fetches something means for the server and for other jobs."""

import gc
import json
import signal
import threading
import weakref
from dataclasses import replace
from functools import partial
from http.server import ThreadingHTTPServer

from lga_core.models.sources import files
from lga_core.models.sources.catalogue import resolve
from lga_core.progress import Phase
from lga_core.service.ledger_requests import ChangeLedger, WriteEdits
from lga_core.service.process.client import CANCEL_SECONDS, EngineClient
from lga_core.service.requests import ReadFactsRequest, ScoreRequest
from tests.data.fake_hub import FakeHub
from tests.service.asking import SECONDS, done, long_request, needs, proxy, until, working


def test_a_cancelled_change_of_a_ledger_is_stopping_until_the_engine_has_ended_it(client, tiny_folder):
    """The engine is stopped meanwhile, as in a step that takes long."""
    slow = long_request(tiny_folder)
    about = {"model": str(tiny_folder), "session": "cancelled"}
    write = WriteEdits(
        **about,
        number=1,
        facts=slow.proxy.facts[:1],
        editor=slow.editor,
        layers=(1,),
        settings=slow.settings,
        mode="sequential",
    )
    changed = client.start(write, "Writing edits")
    working(changed, Phase.EDIT)
    stored = client.start(slow, "Sweeping")
    client.process.send_signal(signal.SIGSTOP)
    try:
        client.cancel(stored)
        client.cancel(changed)
        assert stored.wait(SECONDS) and stored.snapshot().state == "cancelled"
        assert not changed.wait(CANCEL_SECONDS) and changed.cancelling
    finally:
        client.process.send_signal(signal.SIGCONT)
    assert changed.wait(SECONDS) and changed.snapshot().state == "cancelled"
    assert not done(client.start(ChangeLedger(**about, number=2, how="undo all"), "Undoing")).entries


def test_what_has_ended_is_kept_by_those_who_asked_alone(client, tiny_folder):
    job = client.start(ScoreRequest(model=str(tiny_folder), proxy=proxy(1), needs=needs("gradients")), "Scoring")
    done(job)
    ended = weakref.ref(job)
    del job

    def let_go() -> bool:
        gc.collect()
        return ended() is None

    until(let_go)


def test_while_one_session_fetches_a_model_others_compute_with_the_one_in_memory(client, tiny_folder, tmp_path):
    """It waits for ever: this process holds the lock under which it would be fetched."""
    score = ScoreRequest(model=str(tiny_folder), proxy=proxy(2), needs=needs("gradients"))
    done(client.start(replace(score, proxy=proxy(1)), "Scoring"))
    path = tmp_path / "large.gguf"
    path.write_bytes(b"weights")
    entry = resolve(str(path))
    with files.acquire(entry.slug, entry.title):
        fetching = client.start(replace(score, model=str(path)), "Fetching")
        working(fetching, Phase.FETCH)
        assert client.model == str(tiny_folder)
        done(client.start(score, "Scoring"))
        assert fetching.alive and client.model == str(tiny_folder)
        client.cancel(fetching)
        assert fetching.wait(SECONDS)


def test_while_one_session_downloads_a_fact_set_others_compute(home, tiny_folder, tmp_path, monkeypatch):
    """The hub answers the download of the file when the other job has ended."""
    asked, answered = threading.Event(), threading.Event()

    class SlowHub(FakeHub):
        def do_GET(self) -> None:
            if self.command == "GET" and "/resolve/" in self.path:
                asked.set()
                answered.wait(SECONDS)
            super().do_GET()

    records = [{"prompt": "The capital of France is", "subject": "France", "target_new": "Rome"}]
    repos = {"tiny/facts": {"train.json": json.dumps(records).encode()}}
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SlowHub, repos))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, value in {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DOWNLOAD_TIMEOUT": str(int(SECONDS)),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    client = EngineClient(grace=None)
    try:
        reading = client.start(ReadFactsRequest(source="hub:tiny/facts/train.json"), "Reading the data set")
        assert asked.wait(SECONDS)
        request = ScoreRequest(model=str(tiny_folder), proxy=proxy(2, " beside a download"), needs=needs("gradients"))
        done(client.start(request, "Scoring"))
        assert reading.alive
        answered.set()
        _table, fact_set = done(reading)
        assert [fact.subject for fact in fact_set.facts] == ["France"]
    finally:
        answered.set()
        client.close()
        server.shutdown()
        server.server_close()
