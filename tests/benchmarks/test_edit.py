"""What `bench edit` compares: the stages add up, and both ways to write under an edit write the same."""

import torch
from conftest import tiny_model
from editing.writing import SETTINGS

from lga_core.bench.speed import edit
from lga_core.bench.speed.edit import generated, merged_copy, stage_seconds, text_seconds
from lga_core.editing.table import EDITORS
from lga_core.evaluation.side_effects import fluency
from lga_core.evaluation.side_effects.fluency import continuation
from lga_core.models.text.tokens import prompt_row


def test_each_stage_counts_from_the_trials_start(facts, monkeypatch):
    monkeypatch.setattr(fluency, "LENGTH", 4)
    seconds = stage_seconds(tiny_model("llama"), facts[0], 1, SETTINGS)
    assert len(seconds) == len(edit.STAGES)
    assert 0 < seconds[0] < seconds[1] < seconds[2]


def test_the_merged_copy_writes_what_the_edited_model_does(facts, monkeypatch):
    model = tiny_model("gpt2", torch.float32)
    (written,) = EDITORS["r-rome"].run(model, [facts[0]], (1,), SETTINGS)
    for module in (fluency, edit):
        monkeypatch.setattr(module, "LENGTH", 6)
        monkeypatch.setattr(module, "TOP_K", 1)
    row = prompt_row(model.asking, facts[0].prompt)
    ids = generated(merged_copy(model, [written.edit]), torch.tensor([row.ids]))[0, len(row) :]
    assert len(ids) == 6
    assert model.tokenizer.decode(ids, skip_special_tokens=True) == continuation(
        model, facts[0].prompt, [written.edit], 0
    )
    assert all(seconds > 0 for seconds in text_seconds(model, facts[0], written.edit, 0))
