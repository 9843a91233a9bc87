"""Publishing: what arrives at a hub is what was saved, nothing else of this machine does, and each refusal is told."""

import json
import threading
from dataclasses import replace

import pytest
from editing.edit_set.building import QUICK, plain
from editing.publishing.fake_hub import BASE, TOKEN
from huggingface_hub import constants
from reporting import Collect

from lga_core.editing.files.containers import Files, opened
from lga_core.editing.files.edit_set import edit_set_files, save_edit_set
from lga_core.editing.files.lora import WEIGHTS, adapter_files, export_lora
from lga_core.editing.files.manifest import MANIFEST, METRICS_FILE, TENSORS
from lga_core.editing.files.reading import read_edit_set
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.publishing.base import base_model
from lga_core.editing.publishing.hub import publish
from lga_core.editing.publishing.parcel import CARD, parcel
from lga_core.errors import LgaError
from lga_core.models.sources.checkpoint import ADAPTER_CONFIG
from lga_core.progress import Cancelled
from lga_core.results import EditMeans

FILES = {CARD: b"---\ntags: [a]\n---\n", TENSORS: b"tensors"}


def test_an_adapter_arrives_whole_and_loads_back(hub, ledger, model, tmp_path):
    export_lora(ledger, model, tmp_path / "adapter", measured=EditMeans(before={}, now={}))
    (tmp_path / "adapter" / "diary.txt").write_text("mine")
    with opened(tmp_path / "adapter") as files:
        made = parcel(files, "me/edits", BASE)
    report = Collect()
    done = publish(made, "me/edits", private=True, report=report)
    arrived = hub.repositories["me/edits"]
    assert set(done.files) == {CARD, MANIFEST, METRICS_FILE, TENSORS, ADAPTER_CONFIG, WEIGHTS}
    assert set(arrived) == {".gitattributes", *done.files}
    assert hub.private["me/edits"] and done.url.startswith(hub.url)
    assert arrived[WEIGHTS] == (tmp_path / "adapter" / WEIGHTS).read_bytes()
    assert json.loads(arrived[ADAPTER_CONFIG])["base_model_name_or_path"] == BASE
    (tmp_path / "fetched").mkdir()
    for name, content in arrived.items():
        (tmp_path / "fetched" / name).write_bytes(content)
    assert plain(read_edit_set(tmp_path / "fetched", model)) == plain(ledger)
    assert report.steps[-1].done == report.steps[-1].total == 1


def test_no_path_and_no_token_of_this_machine_is_in_it(hub, model, facts, tmp_path):
    here = replace(model, name="/home/someone/models/tiny")
    ledger = extend(here, Ledger(), facts[:1], "rome", [1], QUICK, "sequential")
    text = replace(QUICK, covariance="file:/home/someone/private/text.txt")
    ledger = Ledger(entries=(replace(ledger.entries[0], settings=text),))
    made = parcel(Files(adapter_files(ledger, here, dense_rank=None, measured=None)[0]), "me/edits", BASE)
    whole = b"".join(made.values())
    assert b"someone" not in whole and b"file:text.txt" in whole and TOKEN.encode() not in whole
    for name, content in made.items():
        (tmp_path / name).write_bytes(content)
    assert read_edit_set(tmp_path, model).entries[0].settings.covariance == "file:text.txt"


def test_metrics_of_another_state_are_not_told(hub, ledger, model):
    files = edit_set_files(ledger, model, EditMeans(before={}, now={}))
    files[MANIFEST] = edit_set_files(ledger.toggled(ledger.entries[1].id), model)[MANIFEST]
    assert METRICS_FILE not in parcel(Files(files), "me/edits", BASE)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({TENSORS: b"others"}, "SHA-256 differs"),
        ({METRICS_FILE: b"[]"}, "metrics.json beside the edits is damaged"),
        ({ADAPTER_CONFIG: b"{"}, "adapter_config.json is damaged"),
        ({WEIGHTS: b"\x80\x04."}, "adapter_model.safetensors is damaged"),
        ({ADAPTER_CONFIG: b"[]"}, "not that of the edit set"),
    ],
)
def test_a_damaged_set_is_not_published(hub, ledger, model, change, words):
    files, _ranks, _errors = adapter_files(ledger, model, dense_rank=None, measured=None)
    with pytest.raises(LgaError, match=words):
        parcel(Files({**files, **change}), "me/edits", BASE)


def test_what_the_base_model_lacks_is_told(hub, ledger, model):
    files = Files(edit_set_files(ledger, model))
    for base, words in ((None, "--base-model"), ("tiny/nothing", "no base model"), ("no name", "OWNER/NAME")):
        with pytest.raises(LgaError, match=words):
            parcel(files, "me/edits", base)
    with pytest.raises(LgaError, match="holds no edit"):
        parcel(Files(edit_set_files(Ledger(), model)), "me/edits", BASE)
    hub.refuses["api/models"] = 500
    with pytest.raises(LgaError, match="licence of tiny/base could not be asked for"):
        parcel(files, "me/edits", BASE)


def test_a_repository_with_files_is_updated_only_where_that_is_allowed(hub):
    hub.repositories["me/edits"] = {"mine.txt": b"mine", ".gitattributes": b""}
    with pytest.raises(LgaError, match=r"holds files already.*--update"):
        publish(FILES, "me/edits")
    with pytest.raises(LgaError, match="is there and public"):
        publish(FILES, "me/edits", update=True, private=True)
    assert set(hub.repositories["me/edits"]) == {"mine.txt", ".gitattributes"}
    publish(FILES, "me/edits", update=True)
    assert set(hub.repositories["me/edits"]) == {"mine.txt", ".gitattributes", *FILES}
    assert "POST api/repos/create" not in hub.asked


@pytest.mark.parametrize(
    ("part", "status", "words"),
    [
        ("api/repos/create", 401, r"does not accept the token \(401\).*HF_TOKEN"),
        ("api/repos/create", 403, r"may not write to me/edits \(403\).*write access"),
        ("/commit/", 404, r"has no me or no me/edits .*\(404\).*Check OWNER/NAME"),
        ("/commit/", 418, "refused me/edits with 418: refused by the test"),
    ],
)
def test_each_refusal_is_one_message_and_nothing_is_lost(hub, part, status, words):
    hub.refuses[part] = status
    with pytest.raises(LgaError, match=words) as refused:
        publish(FILES, "me/edits")
    assert TOKEN not in str(refused.value) and "\n" not in str(refused.value)
    hub.refuses.clear()
    publish(FILES, "me/edits")  # also where the repository was made before the refusal
    assert set(FILES) < set(hub.repositories["me/edits"])


def test_no_network_offline_by_choice_and_no_token(hub, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(LgaError, match=r"could not be published.*[Rr]efused.*Check the network"):
            publish(FILES, "me/edits")
    with monkeypatch.context() as patch:
        patch.setenv("LGA_OFFLINE", "1")
        with pytest.raises(LgaError, match="LGA_OFFLINE=1 forbids"):
            publish(FILES, "me/edits")
        with pytest.raises(LgaError, match="LGA_OFFLINE=1 forbids to ask for the licence of tiny/base"):
            base_model("gone", BASE)
    with monkeypatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(LgaError, match="HF_HUB_OFFLINE forbids"):
            publish(FILES, "me/edits")
    with monkeypatch.context() as patch:
        patch.delenv("HF_TOKEN")
        patch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
        with pytest.raises(LgaError, match=r"no token.*hf auth login"):
            publish(FILES, "me/edits")
    with pytest.raises(LgaError, match="OWNER/NAME"):
        publish(FILES, "../me")
    assert not hub.asked


def test_a_cancel_stops_it_before_anything_is_committed(hub):
    def cancel(step):
        raise Cancelled

    with pytest.raises(Cancelled):
        publish(FILES, "me/edits", report=Collect(cancel))
    assert not committed(hub)


def committed(hub):
    return any("/commit/" in path for path in hub.asked)


def test_a_cancel_that_comes_after_the_commit_was_sent_tells_that_it_is_published(hub):
    answered = hub.held["/commit/"] = threading.Event()
    cancels = []

    def cancel(step):
        if committed(hub):
            cancels.append(step)
            if len(cancels) == 3:
                answered.set()
            raise Cancelled

    done = publish(FILES, "me/edits", report=Collect(cancel))
    assert len(cancels) >= 3 and done.url.startswith(hub.url) and set(FILES) < set(hub.repositories["me/edits"])


def test_a_cancel_of_the_last_step_tells_that_it_is_published(hub):
    def cancel(step):
        if step.done == step.total:
            raise Cancelled

    assert publish(FILES, "me/edits", report=Collect(cancel)).repository == "me/edits"


def test_a_commit_without_an_answer_may_be_published(hub, monkeypatch):
    monkeypatch.setattr("lga_core.editing.publishing.hub.ANSWER_SECONDS", 0.5)
    answered = hub.held["/commit/"] = threading.Event()

    def cancel(step):
        if committed(hub):
            raise Cancelled

    with pytest.raises(LgaError, match=rf"not known: the commit was sent.*Look at {hub.url}/me/edits"):
        publish(FILES, "me/edits", report=Collect(cancel))
    answered.set()
    hub.held.clear()
    hub.breaks.add("/commit/")
    with pytest.raises(LgaError, match=r"me/other was published is not known.*Look at"):
        publish(FILES, "me/other")
    assert set(FILES) < set(hub.repositories["me/other"])


def test_a_saved_set_is_read_with_its_metrics_beside_it(hub, ledger, model, tmp_path):
    path = save_edit_set(ledger, model, tmp_path / "set.zip", measured=EditMeans(before={}, now={}))
    assert plain(read_edit_set(path, model)) == plain(ledger)
    with opened(path) as files:
        assert set(parcel(files, "me/edits", BASE)) == {CARD, MANIFEST, METRICS_FILE, TENSORS}
