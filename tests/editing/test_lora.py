"""Edits as a LoRA adapter: peft on plain transformers gives the hooked model's logits."""

import copy
import json
from dataclasses import replace

import pytest
import torch
from conftest import tiny_model
from peft import PeftModel
from reporting import Collect, cancel_at

from lga_core.editing.edits import DenseEdit, LowRankEdit, applied
from lga_core.editing.files.lora import approximated, export_lora
from lga_core.editing.files.reading import read_edit_set
from lga_core.editing.ledger import Ledger, extend
from lga_core.editing.settings import FineTuningSettings, RankOneSettings, ValueSettings
from lga_core.errors import LgaError
from lga_core.progress import Cancelled, Phase

SETTINGS = RankOneSettings(
    value=ValueSettings(steps=4, learning_rate=0.1, weight_decay=0.0), contexts=0, covariance="identity"
)


def of_rome(model, facts):
    """Two edits of one matrix, one of another, and one that is switched off."""
    ledger = extend(model, Ledger(), facts[:1], "rome", [1, 2], SETTINGS, "sequential")
    ledger = extend(model, ledger, facts[1:3], "rome", [2], SETTINGS, "sequential")
    return ledger.toggled(ledger.entries[-1].id)


def logits(network, tokenizer, prompt):
    with torch.no_grad():
        return network(**tokenizer(prompt, return_tensors="pt")).logits[0].float()


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_peft_gives_the_logits_of_the_hooks(family, facts, tmp_path):
    model = tiny_model(family, torch.float32)
    ledger = of_rome(model, facts)
    written = export_lora(ledger, model, tmp_path / "adapter")
    assert list(written.ranks.values()) == [1, 2] and not written.errors
    adapted = PeftModel.from_pretrained(copy.deepcopy(model.model), tmp_path / "adapter")
    for fact in facts[:3]:
        with applied(model, ledger.edits):
            hooked = logits(model.model, model.tokenizer, fact.prompt)
        torch.testing.assert_close(logits(adapted, model.tokenizer, fact.prompt), hooked, atol=1e-4, rtol=0)
        with adapted.disable_adapter():
            plain = logits(adapted, model.tokenizer, fact.prompt)
        torch.testing.assert_close(plain, logits(model.model, model.tokenizer, fact.prompt), atol=1e-5, rtol=0)
    assert (hooked - plain).abs().max() > 1e-2


def test_the_folder_is_an_edit_set_too(facts, tmp_path):
    model = tiny_model("llama", torch.float32)
    ledger = of_rome(model, facts)
    export_lora(ledger, model, tmp_path / "adapter")
    back = read_edit_set(tmp_path / "adapter", model)
    assert [entry.id for entry in back.entries] == [entry.id for entry in ledger.entries]
    assert all(torch.equal(a.left, b.left) for a, b in zip(back.edits, ledger.edits, strict=True))


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_dense_edit_is_refused_or_written_by_svd_with_its_error(family, facts, tmp_path):
    model = tiny_model(family, torch.float32)
    ledger = extend(model, Ledger(), facts[:1], "ft-m", [1], FineTuningSettings(steps=3), "sequential")
    with pytest.raises(LgaError, match="no low rank"):
        export_lora(ledger, model, tmp_path / "refused")
    for rank in (0, -1):
        with pytest.raises(LgaError, match=f"rank {rank} changes nothing"):
            export_lora(ledger, model, tmp_path / "refused", dense_rank=rank)
    assert not (tmp_path / "refused").exists()
    written = export_lora(ledger, model, tmp_path / "near", dense_rank=2)
    (matrix, error), *_ = written.errors.items()
    assert written.ranks == {matrix: 2} and 0 < error < 1
    full = export_lora(ledger, model, tmp_path / "full", dense_rank=1000)
    assert full.errors[matrix] < 1e-6
    adapted = PeftModel.from_pretrained(copy.deepcopy(model.model), tmp_path / "full")
    with applied(model, ledger.edits):
        hooked = logits(model.model, model.tokenizer, facts[0].prompt)
    torch.testing.assert_close(logits(adapted, model.tokenizer, facts[0].prompt), hooked, atol=1e-4, rtol=0)


def test_a_dense_edit_that_blew_up_is_told_as_such(facts, tmp_path):
    model = tiny_model("llama", torch.float32)
    tuned = extend(model, Ledger(), facts[:1], "ft-m", [2], FineTuningSettings(steps=1), "sequential")
    (entry,) = tuned.entries
    (item,) = entry.written
    broken = replace(item, edit=replace(item.edit, delta=torch.full_like(item.edit.delta, torch.nan)))
    ledger = Ledger(entries=(replace(entry, written=(broken,)),))
    with pytest.raises(LgaError, match="blew up"):
        export_lora(ledger, model, tmp_path / "adapter", dense_rank=2)


def test_cancelled_before_or_after_any_matrix_no_adapter_is_written(facts, tmp_path):
    model = tiny_model("llama", torch.float32)
    ledger = extend(model, Ledger(), facts[:1], "ft-m", [1, 2], FineTuningSettings(steps=1), "sequential")
    report = Collect()
    export_lora(ledger, model, tmp_path / "whole", dense_rank=2, report=report)
    assert [(step.phase, step.done, step.total) for step in report.steps] == [
        (Phase.ADAPTER, done, 2) for done in (0, 1, 2)
    ]
    for number in (1, 2, 3):
        with pytest.raises(Cancelled):
            export_lora(ledger, model, tmp_path / "cancelled", dense_rank=2, report=cancel_at(number))
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_the_svd_error_is_the_distance():
    torch.manual_seed(0)
    edit = DenseEdit(layer=0, matrix="m", delta=torch.randn(6, 9))
    for rank in (1, 3, 6):
        near, error = approximated(edit, rank)
        assert isinstance(near, LowRankEdit)
        assert error == pytest.approx(float((edit.delta - near.delta).norm() / edit.delta.norm()), abs=1e-6)


def test_nothing_to_write_and_a_full_folder(facts, tmp_path):
    model = tiny_model("llama", torch.float32)
    with pytest.raises(LgaError, match="no edit"):
        export_lora(Ledger(), model, tmp_path / "none")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(LgaError, match="not an empty folder"):
        export_lora(of_rome(model, facts), model, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_configuration_names_the_base_model_and_the_exact_matrices(facts, tmp_path):
    model = tiny_model("gpt2", torch.float32)
    export_lora(of_rome(model, facts), model, tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert config["fan_in_fan_out"] and config["r"] == config["lora_alpha"] == 2
    assert config["target_modules"] == [model.architecture.blocks[layer].down.name for layer in (1, 2)]
    export_lora(of_rome(model, facts), replace(model, name="gemma-3-270m:chat"), tmp_path / "other")
    config = json.loads((tmp_path / "other" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == "google/gemma-3-270m"
