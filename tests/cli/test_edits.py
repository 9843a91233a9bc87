"""`edits` on the command line: a saved set is listed, and written in another form without computing anything."""

import pytest
import torch
from conftest import tiny_network, train_tokenizer
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from lga_core.results import METRICS

SETTINGS = ("--set", "steps=2", "--set", "contexts=0", "--set", "covariance=identity")


@pytest.fixture
def saved(here, tiny_folder, fact_file, tmp_path):
    """An edit set of one measured edit, and what `edit` said of it."""
    path = tmp_path / "edit.zip"
    done = here("edit", tiny_folder, fact_file, "--index", 0, "--layers", 1, *SETTINGS, "--save", path, "--json")
    assert done.code == 0, done.err
    return path, done.json


def logits(network, tokenizer, prompt):
    with torch.no_grad():
        return network(**tokenizer(prompt, return_tensors="pt")).logits[0, -1]


def test_a_set_says_what_it_holds(here, saved):
    path, edited = saved
    shown = here("edits", path, "--json")
    assert shown.code == 0, shown.err
    (entry,) = shown.json["edits"]
    fact = edited["fact"]
    said = {name: fact[name] for name in ("prompt", "subject", "target_new")}
    assert entry["facts"] == [{**said, "target_old": [fact["target_old"]]}]
    assert (entry["editor"], entry["layers"], entry["enabled"]) == ("r-rome", [1], True)
    for when in ("before", "after"):
        forced = {name: metric["teacher_forced"] for name, metric in edited[when].items()}
        assert shown.json[when] == forced and forced["locality"] == 100
    text = here("edits", path).out
    assert fact["prompt"] in text
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line}
    for name in METRICS:
        assert rows[name] == [f"{shown.json[when][name]:.4g}" for when in ("before", "after")]


def test_a_set_becomes_an_adapter_and_a_merged_model(here, saved, tiny_folder, tmp_path):
    path, edited = saved
    where = ("--export-lora", tmp_path / "adapter", "--export", tmp_path / "merged", "--save", tmp_path / "again.zip")
    written = here("edits", path, tiny_folder, *where, "--json", "--quiet")
    assert written.code == 0, written.err
    assert [*written.json["adapter"]["ranks"].values()] == [1]
    base = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    plain = logits(base, tokenizer, edited["fact"]["prompt"])
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
    adapted = PeftModel.from_pretrained(base, tmp_path / "adapter")
    torch.testing.assert_close(
        logits(adapted, tokenizer, edited["fact"]["prompt"]),
        logits(merged, tokenizer, edited["fact"]["prompt"]),
        atol=1e-4,
        rtol=0,
    )
    assert (logits(adapted, tokenizer, edited["fact"]["prompt"]) - plain).abs().max() > 1e-3
    again = here("edits", tmp_path / "again.zip", "--json").json
    assert again["after"] == written.json["after"] and again["edits"] == written.json["edits"]


def test_what_cannot_be_written_is_one_line(here, saved, tmp_path):
    path, _edited = saved
    no_model = here("edits", path, "--export-lora", tmp_path / "adapter")
    assert no_model.code == 2 and "Name it after the set" in no_model.err
    tiny_network("gpt2").save_pretrained(tmp_path / "other")
    train_tokenizer(bos=False).save_pretrained(tmp_path / "other")
    other = here("edits", path, tmp_path / "other", "--export-lora", tmp_path / "adapter", "--quiet")
    assert other.code == 2 and "made for another model" in other.err.splitlines()[-1]
    rank = here("edits", path, "--lora-rank", 2)
    assert rank.code == 2 and "no adapter is to be written" in rank.err
    no_copy = here("edits", path, tmp_path / "other")
    assert no_copy.code == 2 and "none is asked for" in no_copy.err
    nothing = here("edits", tmp_path / "nothing.zip")
    assert nothing.code == 2 and "cannot be read" in nothing.err
    assert all(answer.err.count("\n") == 1 for answer in (no_model, rank, no_copy, nothing))
    assert not (tmp_path / "adapter").exists()
