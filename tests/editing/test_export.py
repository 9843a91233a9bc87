"""Merged export: a folder that plain transformers loads, with the same answers as the hooked model."""

import json
import resource
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import tiny_model
from reporting import Collect, cancel_at
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM
from weights import weights_hash

from lga_core.editing.edits import DenseEdit, LowRankEdit, applied
from lga_core.editing.files import export
from lga_core.editing.files.export import NOTE, export_merged, merged_matrix
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.settings import FineTuningSettings, RankOneSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.evaluation.metrics.asking import ask, probe_questions
from lga_core.evaluation.metrics.probe_results import compare
from lga_core.models.loading import load
from lga_core.models.structure.architecture import Architecture
from lga_core.probes.summary import summarize
from lga_core.progress import Cancelled
from lga_core.view.words.edits.sentences import merged_words

FAMILIES = ("gpt2", "llama", "gemma3")
SETTINGS = RankOneSettings(
    value=ValueSettings(steps=4, learning_rate=0.1, weight_decay=0.0), contexts=0, covariance="identity"
)


def made(model, facts):
    """Edits of one matrix by two entries, of another by one."""
    ledger = extend(model, Ledger(), facts[:1], "rome", [1, 2], SETTINGS, "sequential")
    return extend(model, ledger, facts[1:3], "ft-m", [2], FineTuningSettings(steps=4), "batch").edits


def log_p(network, tokenizer, prompt):
    with torch.no_grad():
        return network(**tokenizer(prompt, return_tensors="pt")).logits[0].float().log_softmax(-1)


@pytest.mark.parametrize("shard", [export.SHARD_BYTES, 60_000], ids=["one file", "shards"])
@pytest.mark.parametrize("family", FAMILIES)
def test_plain_transformers_loads_what_the_hooks_show(family, shard, facts, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "SHARD_BYTES", shard)
    model = tiny_model(family, torch.float32)
    before, config = weights_hash(model.model), model.model.config.to_dict()
    edits = made(model, facts)
    written = export_merged(model, edits, tmp_path / "edited", facts[:3])
    folder = Path(written.folder)
    assert [path.name for path in tmp_path.iterdir()] == ["edited"]
    assert ((folder / "model.safetensors.index.json").exists()) == (shard == 60_000)
    network, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert not report["missing_keys"] and not report["unexpected_keys"] and not report["mismatched_keys"]
    assert type(network) is type(model.model) and network.dtype == torch.float32
    assert network.get_output_embeddings().weight.data_ptr() == network.get_input_embeddings().weight.data_ptr()
    for fact in facts:
        text = f"{fact.prompt} {fact.target_new}"
        assert tokenizer(text)["input_ids"] == model.tokenizer(text)["input_ids"]
        with applied(model, edits):
            hooked = log_p(model.model, model.tokenizer, text)
        torch.testing.assert_close(log_p(network, tokenizer, text), hooked, atol=1e-3, rtol=0)
    assert (hooked - log_p(model.model, model.tokenizer, text)).abs().max() > 1e-2
    assert weights_hash(model.model) == before and model.model.config.to_dict() == config
    note = json.loads((folder / NOTE).read_text())
    assert note["rounding_errors"] == written.errors and max(written.errors.values()) < 1e-3
    assert [item["matrix"] for item in note["edits"]] == [edit.matrix for edit in edits]
    assert [fact["target_new"] for fact in note["facts"]] == ["Boston", "Japan", "Rome"]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_accuracies(family, facts, tmp_path):
    model = tiny_model(family, torch.float32)
    edits = made(model, facts)
    merged = load(export_merged(model, edits, tmp_path / "edited").folder, device="cpu")
    for fact in facts[:3]:
        questions = probe_questions(model, fact).questions
        before = ask(model, questions)
        hooked = summarize(compare(questions, before, ask(model, questions, edits)))
        assert summarize(compare(questions, before, ask(merged, questions))) == hooked


@pytest.mark.parametrize("family", FAMILIES)
def test_unedited_weights_are_written_as_they_are_and_in_their_dtype(family, facts, tmp_path):
    model = tiny_model(family, torch.bfloat16)
    down = model.architecture.blocks[1].down
    edit = LowRankEdit(layer=1, matrix=down.name, left=torch.randn(2, down.d_out), right=torch.randn(2, down.d_in))
    export_merged(model, [edit], tmp_path / "edited")
    network = AutoModelForCausalLM.from_pretrained(tmp_path / "edited", dtype="auto")
    for name, weight in network.state_dict().items():
        own = model.model.state_dict()[name]
        assert weight.dtype == torch.bfloat16
        if name == f"{down.name}.weight":
            assert not torch.equal(weight, own) and torch.equal(weight, merged_matrix(model, [edit]))
        else:
            assert torch.equal(weight, own), name
    change = network.get_submodule(down.name).weight.float() - down.module.weight.float()
    change = change.T if family == "gpt2" else change
    torch.testing.assert_close(change, edit.delta, atol=0.1, rtol=2e-2)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_rounding_takes_of_an_edit_is_told(family, tmp_path):
    """A change of 5e-5 vanishes beside weights of 0.1 in bfloat16, one of 0.1 stays."""
    model = tiny_model(family, torch.bfloat16)
    edits = []
    for layer, size in ((1, 5e-5), (2, 0.1)):
        down = model.architecture.blocks[layer].down
        down.module.weight.fill_(0.1)
        edits.append(DenseEdit(layer=layer, matrix=down.name, delta=torch.full((down.d_out, down.d_in), size)))
    merged = export_merged(model, edits, tmp_path / "edited")
    small, large = (merged.errors[edit.matrix] for edit in edits)
    assert small == pytest.approx(1) and large < 0.01
    words = merged_words(merged)
    assert f"{edits[0].matrix} 100%" in words and edits[1].matrix not in words and "float32" in words


def test_a_head_of_its_own_is_written_and_nothing_is_copied_but_what_is_edited(tmp_path):
    torch.manual_seed(0)
    network = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=400,
            hidden_size=32,
            intermediate_size=80,
            num_hidden_layers=2,
            num_attention_heads=4,
            tie_word_embeddings=False,
        )
    ).eval()
    model = replace(tiny_model("llama"), model=network.requires_grad_(False), architecture=Architecture.find(network))
    down = model.architecture.blocks[1].down
    edit = LowRankEdit(layer=1, matrix=down.name, left=torch.ones(1, down.d_out), right=torch.ones(1, down.d_in))
    lies = {name: weight.data_ptr() for name, weight in network.state_dict().items()}
    written = {name: weight.data_ptr() for name, weight in export.merged_weights(model, [edit]).items()}
    assert {name for name in lies if lies[name] != written[name]} == {f"{down.name}.weight"}
    loaded = AutoModelForCausalLM.from_pretrained(export_merged(model, [edit], tmp_path / "edited").folder)
    assert torch.equal(loaded.lm_head.weight, network.lm_head.weight)
    assert not torch.equal(loaded.lm_head.weight, loaded.get_input_embeddings().weight)


def test_what_stands_in_the_way_is_refused_and_kept(facts, tmp_path):
    model = tiny_model("llama", torch.float32)
    full, file, empty = tmp_path / "full", tmp_path / "file", tmp_path / "empty"
    full.mkdir()
    empty.mkdir()
    (full / "mine.txt").write_text("mine")
    file.write_text("mine")
    for place in (full, file):
        with pytest.raises(LgaError, match="is there already"):
            export_merged(model, [], place)
    with pytest.raises(LgaError, match="There is no folder"):
        export_merged(model, [], tmp_path / "none" / "edited")
    export_merged(model, [], empty)
    assert (empty / "config.json").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file", "full"]
    assert (full / "mine.txt").read_text() == file.read_text() == "mine"


def test_a_cancel_a_full_disk_and_a_broken_edit_leave_nothing(facts, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "SHARD_BYTES", 60_000)
    model = tiny_model("llama", torch.float32)
    down = model.architecture.blocks[1].down
    edit = LowRankEdit(layer=1, matrix=down.name, left=torch.ones(1, down.d_out), right=torch.ones(1, down.d_in))
    report = Collect()
    export_merged(model, [edit], tmp_path / "whole", report=report)
    assert len(report.steps) > 3
    for number in range(1, len(report.steps) + 1):
        with pytest.raises(Cancelled):
            export_merged(model, [edit], tmp_path / "edited", report=cancel_at(number))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(LgaError, match="cannot be written"):
            export_merged(model, [edit], tmp_path / "edited")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    monkeypatch.setattr(export.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": 10})())
    with pytest.raises(LgaError, match=r"needs 0.\d MB, 0.0 MB are free"):
        export_merged(model, [edit], tmp_path / "edited")
    monkeypatch.undo()
    broken = LowRankEdit(layer=1, matrix=down.name, left=edit.left * torch.inf, right=edit.right)
    with pytest.raises(LgaError, match="not finite"):
        export_merged(model, [edit, broken], tmp_path / "edited")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
