"""`edit`: the contract's JSON, and the files that it writes of an edit."""

import json

import pytest


def test_edit_reports_before_and_after(here, tiny_folder, fact_file):
    answer = here("edit", tiny_folder, fact_file, "--index", 2, "--layers", "1,2", "--editor", "r-rome", "--json")
    assert answer.code == 0, answer.err
    report = answer.json
    assert {
        "fact",
        "layers",
        "editor",
        "settings",
        "before",
        "after",
        "target_error",
        "target_nll",
        "delta_norm",
        "clamped",
        "seconds",
    } <= set(report)
    assert report["fact"]["record"] == 2 and report["layers"] == [1, 2] and report["editor"] == "r-rome"
    for when in ("before", "after"):
        assert list(report[when]) == ["rewrite", "rephrase", "locality", "portability"]
        for metric in report[when].values():
            assert {"teacher_forced", "free", "probes"} <= set(metric)
            assert metric["probes"] and all({"prompt", "expected", "text"} <= set(probe) for probe in metric["probes"])
    assert isinstance(report["target_error"], float) and report["target_error"] < 1e-2


def test_edit_names_the_answers_that_count_and_stores_them_apart(here, tiny_folder, fact_file):
    arguments = ("edit", tiny_folder, fact_file, "--index", 0, "--layers", 1, "--editor", "ft-m", "--set", "steps=1")
    first = here(*arguments, "--json").json
    assert (first["answers"], first["left_out"]) == ("first", {})
    assert first["protocol"] == "teacher-forced token accuracy, first accepted answer"
    best = here(*arguments, "--set", "answers=best", "--json").json
    assert (best["answers"], best["from_store"]) == ("best", False)
    shown = here(*arguments).out
    assert (
        "Forced: teacher-forced token accuracy, first accepted answer." in shown
        and "No cap leaves a probe out." in shown
    )


@pytest.mark.parametrize("editor", ["r-rome", "ft-m"])
def test_edit_saves_and_exports_what_it_measured(here, tiny_folder, fact_file, tmp_path, editor):
    """Also where the answer came from the store: the second run writes the same files."""
    from weights import weights_hash

    from lga_core.editing.edits import applied
    from lga_core.editing.files.reading import read_edit_set
    from lga_core.models.loading import load

    arguments = ("edit", tiny_folder, fact_file, "--index", 0, "--layers", "2,1", "--editor", editor, "--json")
    assert here(*arguments).json["saved"] is None
    answer = here(*arguments, "--save", tmp_path / "one.zip", "--export", tmp_path / "edited")
    assert answer.code == 0, answer.err
    report = answer.json
    assert report["from_store"] and report["saved"].endswith("one.zip") and report["exported"].endswith("edited")
    model, merged = load(str(tiny_folder)), load(str(tmp_path / "edited"))
    (entry,) = read_edit_set(tmp_path / "one.zip", model).entries
    assert (entry.editor, entry.layers, entry.facts[0].record) == (editor, (1, 2), 0)
    assert [edit.norm for edit in entry.edits] == pytest.approx(report["delta_norm"], rel=1e-6)
    ids = model.tokenizer("The Space Needle is in Boston", return_tensors="pt")
    with applied(model, entry.edits):
        hooked = model.model(**ids).logits.log_softmax(-1)
    assert (merged.model(**ids).logits.log_softmax(-1) - hooked).abs().max() < 1e-3
    assert weights_hash(merged.model) != weights_hash(model.model)
    kept = (tmp_path / "one.zip").read_bytes()
    refused = here(*arguments[:-1], "--save", tmp_path / "one.zip")
    assert refused.code == 2 and "is there already" in refused.err and (tmp_path / "one.zip").read_bytes() == kept
    shown = here(*arguments[:-1], "--save", tmp_path / "two.zip")
    assert shown.code == 0 and shown.out.splitlines()[-1] == f"saved to {tmp_path / 'two.zip'}"
    assert "Drift, mean KL" in shown.out and report["diagnostics"]["n_prompts"] == 50
    assert all(warning in shown.out for warning in report["diagnostics"]["warnings"])


@pytest.mark.parametrize("copies", [("--export", "."), ("--save", "."), ("--export", "new", "--export-lora", "new")])
def test_a_place_where_no_copy_can_be_put_is_told_before_the_edit(
    here, tiny_folder, fact_file, monkeypatch, tmp_path, copies
):
    monkeypatch.chdir(tmp_path)
    answer = here("edit", tiny_folder, fact_file, "--index", 0, "--layers", "1", *copies)
    assert answer.code == 2 and ("no name of its own" in answer.err or "one place" in answer.err)
    assert list(tmp_path.iterdir()) == []


def test_edit_writes_an_adapter(here, tiny_folder, fact_file, tmp_path):
    arguments = ("edit", tiny_folder, fact_file, "--index", 0, "--layers", "1", "--json", "--export-lora")
    answer = here(*arguments, tmp_path / "low")
    assert answer.code == 0, answer.err
    assert list(answer.json["adapter"]["ranks"].values()) == [1] and answer.json["adapter"]["errors"] == {}
    refused = here(*arguments, tmp_path / "dense", "--editor", "ft-m")
    assert refused.code == 2 and "--lora-rank" in refused.err and not (tmp_path / "dense").exists()
    near = here(*arguments, tmp_path / "dense", "--editor", "ft-m", "--lora-rank", 3)
    assert list(near.json["adapter"]["ranks"].values()) == [3]
    assert all(0 < error < 1 for error in near.json["adapter"]["errors"].values())


def test_edit_goes_to_easyedit_and_comes_back(here, tiny_folder, fact_file, tmp_path):
    """What was written gives the same edit, by the file alone; the store knows it as the same."""
    arguments = ("edit", tiny_folder, fact_file, "--index", 0, "--json")
    settings = ("--set", "steps=2", "--set", "contexts=0", "--set", "covariance=identity", "--set", "seed=3")
    asked = ("--layers", 1, "--editor", "rome", *settings, "--export-easyedit", tmp_path / "there")
    first = here(*arguments, *asked)
    assert first.code == 0, first.err
    assert "Ridge (ridge): 0.01 here, 0.0 there." in first.json["easyedit"]["differs"]
    assert json.loads((tmp_path / "there" / "facts.json").read_text())[0]["subject"] == "The Space Needle"
    file = tmp_path / "there" / "hparams.yaml"
    again = here(*arguments, "--hparams", file).json
    assert again["from_store"] and (again["editor"], again["layers"]) == ("rome", [1])
    assert again["settings"] == first.json["settings"]
    for seed in (0, 1):
        assert here(*arguments, "--hparams", file, "--set", f"seed={seed}").json["settings"]["seed"] == seed
    assert len(again["hparams"]) == 1 and again["hparams"][0].startswith("No setting here: model_name")
    other = tmp_path / "other.yaml"
    other.write_text(file.read_text().replace("v_loss_layer: 3", "v_loss_layer: 1"))
    moved = here(*arguments, "--hparams", other, "--layers", 2).json
    assert moved["layers"] == [2] and "v_loss_layer is 1; here it is always 3." in moved["hparams"]
    for wrong, words in (
        (("--hparams", file, "--editor", "memit"), "is for rome, not for memit"),
        (("--hparams", tmp_path / "none.yaml"), "cannot be read"),
        ((), "No layer is named"),
        (("--layers", 1, "--export-easyedit", tmp_path / "there"), "is there already"),
    ):
        refused = here(*arguments, *wrong)
        assert refused.code == 2 and words in refused.err and refused.err.count("\n") == 1
