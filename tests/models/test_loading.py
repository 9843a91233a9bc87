"""Loading: what comes out is ready and read-only, on the device and in the dtype that were asked for."""

import json
from pathlib import Path

import pytest
import torch
from conftest import REAL_MODELS, load_real
from reporting import Collect
from safetensors.torch import load_file

from lga_core.errors import LgaError
from lga_core.models.loading import load, pick_device, pick_dtype
from lga_core.models.sources.catalogue import resolve
from lga_core.models.sources.fingerprint import folder_fingerprint
from lga_core.progress import Phase, Progress
from lga_core.results import ModelIdentity
from lga_core.service.work.desk import machine


def test_a_loaded_model_is_ready_and_read_only(folder: Path):
    report = Collect()
    loaded = load(str(folder), device="cpu", report=report)
    loading = [step for step in report.steps if step.phase is Phase.LOAD]
    assert [step.done for step in loading] == [0, 1, 2, 3]
    assert {(step.total, step.detail) for step in loading} == {(3, "model")}
    size = (folder / "model.safetensors").stat().st_size
    assert Progress(phase=Phase.CHECK_FILES, done=size, total=size, detail="model.safetensors") in report.steps
    assert loaded.name == str(folder) and loaded.layers == 4 and loaded.dtype == torch.float32
    assert not loaded.model.training and not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.model.config._attn_implementation == "sdpa"
    assert loaded.tokenizer.is_fast and loaded.tokenizer.pad_token_id is not None
    kept = load_file(folder / "model.safetensors")["model.layers.2.mlp.down_proj.weight"]
    assert torch.equal(loaded.model.get_submodule("model.layers.2.mlp.down_proj").weight, kept)


def test_a_loaded_models_identity_says_what_it_is_without_it(folder: Path):
    loaded = load(str(folder), device="cpu", dtype="bfloat16")
    assert loaded.identity == ModelIdentity(
        name=str(folder),
        fingerprint=folder_fingerprint(folder),
        layers=4,
        dtype="torch.bfloat16",
        machine=loaded.machine,
    )
    assert loaded.machine.startswith("cpu, bfloat16, ")


def test_bfloat16_is_a_choice(folder: Path):
    assert load(str(folder), device="cpu", dtype="bfloat16").dtype == torch.bfloat16


def test_auto_picks_what_the_machine_has():
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert pick_dtype("auto", torch.device("cpu")) == torch.float32
    assert pick_dtype("auto", torch.device("cuda")) == torch.bfloat16


@pytest.mark.parametrize(
    "choice, cause",
    [
        ({"device": "gpu0"}, "no device 'gpu0'"),
        ({"device": "cuda:99"}, "no device 'cuda:99'"),
        ({"device": "mps"}, "'mps' has no float64"),
        ({"device": "cpu", "dtype": "int4"}, "no dtype 'int4'"),
    ],
)
def test_a_device_or_dtype_that_is_not_there(folder: Path, choice: dict[str, str], cause: str):
    with pytest.raises(LgaError, match=cause) as caught:
        load(str(folder), **choice)
    assert "auto" in caught.value.hint


def test_a_configuration_that_asks_for_tuples_loads(folder: Path):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "return_dict": False}))
    assert load(str(folder), device="cpu").layers


def test_an_index_beside_a_whole_file_is_not_read(folder: Path):
    first = folder_fingerprint(folder)
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert load(str(folder), device="cpu").fingerprint == first


def test_the_environment_sets_the_threads(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch):
    before = torch.get_num_threads()
    try:
        monkeypatch.setenv("LGA_THREADS", str(before + 1))
        assert load(str(tiny_folder), device="cpu").identity.machine.endswith(f", {before + 1} threads")
    finally:
        torch.set_num_threads(before)
    for text in ("two", "9" * 12):
        monkeypatch.setenv("LGA_THREADS", text)
        for use in (machine, lambda: load(str(tiny_folder))):
            said = rf"LGA_THREADS is '{text}', which is no number of threads\. Set LGA_THREADS=2"
            with pytest.raises(LgaError, match=said):
                use()


@pytest.mark.real_model
@pytest.mark.parametrize("name", REAL_MODELS)
def test_the_real_models_load_and_know_paris(name: str):
    entry, loaded = resolve(name), load_real(name)
    assert loaded.layers == entry.layers and loaded.model.num_parameters() == entry.parameters
    prompt = loaded.tokenizer("The capital of France is", return_tensors="pt")
    with loaded.using("a test"), torch.no_grad():
        best = loaded.model(**prompt).logits[0, -1].topk(3).indices.tolist()
    words = [loaded.tokenizer.decode(token) for token in best]
    assert " Paris" in (words[:1] if name == "smollm2-135m" else words)


def test_a_test_of_gemma_is_skipped_where_its_terms_are_not_accepted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("LGA_ACCEPT_TERMS", raising=False)
    with pytest.raises(pytest.skip.Exception, match="Gemma Terms of Use are not accepted: LGA_ACCEPT_TERMS=1"):
        load_real("gemma-3-270m")
