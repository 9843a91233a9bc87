"""The fixed contract of the command line: JSON shapes, the store, progress, tables."""

import json
import math

import pytest

LAYERS = 4


@pytest.fixture(scope="module")
def scored(lga, tiny_folder, fact_file, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "scores.json"
    methods = ("lga", "cma", "gradnorm-new", "middle")
    arguments = ["score", tiny_folder, fact_file, "--limit", 3, "--json", "--out", out]
    for method in methods:
        arguments += ["--method", method]
    return lga(*arguments), out


def test_score_prints_one_object_a_method_and_nothing_else(scored):
    answer, out = scored
    assert answer.code == 0, answer.err
    reports = answer.json
    assert [report["method"] for report in reports] == ["lga", "cma-mlp", "gradnorm-new", "middle"]
    assert json.loads(out.read_text()) == reports


def test_score_has_the_contract_s_keys(scored):
    for report in scored[0].json:
        assert {
            "model",
            "method",
            "settings",
            "facts",
            "n_facts",
            "layers",
            "per_fact",
            "total",
            "excluded_layers",
            "ranking",
            "golden_layer",
            "golden_layers",
            "seconds",
            "forward_rows",
            "backward_rows",
        } <= set(report)
        assert [fact["record"] for fact in report["facts"]] == [0, 1, 2]
        for fact, row in zip(report["facts"], report["per_fact"], strict=True):
            assert set(fact) == {"record", "status", "old_answer", "old_source", "known"}
            assert (row is not None) == (fact["status"] == "used") and (row is None or len(row) == LAYERS)
        assert report["layers"] == LAYERS and len(report["total"]) == LAYERS
        assert report["n_facts"] == sum(fact["status"] == "used" for fact in report["facts"])
        assert report["golden_layer"] is not None or report["reason"]


def test_total_is_the_sum_for_lga_and_the_ranking_leaves_out_the_excluded(scored):
    report = scored[0].json[0]
    for layer, total in enumerate(report["total"]):
        assert math.isclose(total, sum(row[layer] for row in report["per_fact"]), rel_tol=1e-9, abs_tol=1e-12)
    assert sorted(report["ranking"] + report["excluded_layers"]) == list(range(LAYERS))
    assert report["golden_layers"] == report["ranking"][:3] and report["golden_layer"] == report["ranking"][0]


def test_no_pick_by_cma_with_fewer_than_eight_facts_says_why(scored):
    report = scored[0].json[1]
    assert report["golden_layer"] is None and report["reason"] and report["excluded_layers"] == []


def test_progress_goes_to_stderr_and_quiet_silences_it(scored, lga, tiny_folder, fact_file):
    """In a process of its own: what loads a model has a bar of its own, which a program decides on when it starts."""
    assert "LGA 3/3" in scored[0].err
    again = lga("score", tiny_folder, fact_file, "--limit", 3, "--json", "--quiet", "--set", "old=model")
    assert again.code == 0 and again.err == "" and not again.json[0]["from_store"]


def test_the_same_question_is_answered_from_the_store(scored, here, tiny_folder, fact_file):
    again = here("score", tiny_folder, fact_file, "--limit", 3, "--method", "lga", "--json")
    assert again.json[0]["from_store"] and not scored[0].json[0]["from_store"]
    assert {**again.json[0], "from_store": False} == scored[0].json[0]
    assert "LGA 3/3" not in again.err


def test_the_loss_is_an_option_and_a_setting_and_is_named(scored, here, tiny_folder, fact_file):
    asked = ("score", tiny_folder, fact_file, "--limit", 3, "--method", "lga", "--json")
    by_option, by_setting = here(*asked, "--loss", "answer"), here(*asked, "--set", "loss=answer")
    assert not by_option.json[0]["from_store"] and by_setting.json[0]["from_store"]
    sequence = scored[0].json[0]
    assert (sequence["settings"]["loss"], by_option.json[0]["settings"]["loss"]) == ("sequence", "answer")
    assert by_option.json[0]["total"] == by_setting.json[0]["total"] != sequence["total"]
    assert "Loss of the answer alone." in here(*asked[:-1], "--loss", "answer").out
    assert "loss" not in scored[0].json[1]["settings"], "CMA has none"


def test_a_setting_goes_to_each_method_that_has_it(scored, here, tiny_folder, fact_file):
    methods = ("--method", "lga", "--method", "cma", "--method", "gradnorm-new", "--method", "middle")
    asked = ("score", tiny_folder, fact_file, "--limit", 3, *methods, "--set", "draws=2", "--scope", "block", "--json")
    answer = here(*asked)
    assert answer.code == 0, answer.err
    lga, cma, norm, middle = answer.json
    assert cma["settings"]["draws"] == 2 and not cma["from_store"] and lga["from_store"]
    assert lga["settings"]["scope"] == norm["settings"]["scope"] == "block"
    assert "scope" not in middle["settings"] and "draws" not in lga["settings"]


def test_the_forecast_names_the_probes_over_its_cap(here, tiny_folder, fact_file, tmp_path):
    record = json.loads(fact_file.read_text())[0]
    facts = tmp_path / "many.json"
    facts.write_text(json.dumps([record | {"rephrase_prompt": [f"{word}: the Space Needle is in" for word in "ABC"]}]))
    asked = ("score", tiny_folder, facts, "--method", "forecast", "--set", "covariance=identity")
    assert here(*asked, "--json").json[0]["left_out"] == {"rephrase": {"rephrase": 1}}
    assert "1 probe left out, over the cap on a group: rephrase 1." in here(*asked).out


def test_score_prints_a_short_table_without_json(here, tiny_folder, fact_file):
    answer = here("score", tiny_folder, fact_file, "--limit", 3, "--fences", "none", "--rank", "magnitude")
    assert answer.code == 0 and "picks layer" in answer.out and "from the store" in answer.out
    assert [line.split()[0] for line in answer.out.splitlines()[-LAYERS - 1 :]] == ["layer", "0", "1", "2", "3"]


def test_facts_reports_every_problem_by_record(here, fact_file):
    report = here("facts", fact_file, "--json").json
    assert (report["n_records"], report["n_facts"]) == (5, 4)
    assert {"record", "problem", "action"} == set(report["problems"][0])
    assert [p["record"] for p in report["problems"] if p["action"] == "record skipped"] == [3]
    assert {p["action"] for p in report["problems"]} <= {"kept", "probe dropped", "record skipped"}


def test_models_lists_the_catalogue(here):
    listed = here("models", "--json").json
    assert {"smollm2-135m", "gemma-3-270m"} <= {model["id"] for model in listed}
    for model in listed:
        assert {"id", "source", "path", "licence", "parameters", "memory_bytes", "layers"} <= set(model)


def test_trace_is_token_by_layer_and_comes_from_the_store_the_second_time(here, tiny_folder, fact_file):
    arguments = ("trace", tiny_folder, fact_file, "--index", 1, "--kind", "mlp", "--json")
    first, second = here(*arguments).json, here(*arguments).json
    assert (first["record"], first["kind"], len(first["effect"])) == (1, "mlp", len(first["tokens"]))
    assert first["known"] is False, "record 1, as below"
    assert "The model does not know this fact" in here(*arguments[:-1]).out
    assert all(len(row) == LAYERS for row in first["effect"])
    assert math.isclose(first["total_effect"], first["p_clean"] - first["p_corrupted"])
    assert second["from_store"] and second["effect"] == first["effect"]


def test_the_average_trace_is_of_the_chosen_facts_that_the_model_knows(here, tiny_folder, fact_file, tmp_path):
    records = json.loads(fact_file.read_text())
    open_file = tmp_path / "open.json"  # without an old answer but in record 1, which the model does not know
    open_file.write_text(json.dumps([one if n == 1 else {**one, "ground_truth": []} for n, one in enumerate(records)]))
    arguments = ("trace", tiny_folder, open_file, "--kind", "mlp", "--limit", 3, "--set", "draws=2")
    one = here(*arguments, "--index", 2, "--json").json
    first = here(*arguments, "--average", "--json")
    assert first.code == 0, first.err
    average = first.json
    assert (average["records"], average["left_out"]) == ([0, 2], {"not known by the model": [1]})
    assert one["run"] in average["runs"] and not average["from_store"] and "CMA, MLP 2/2" in first.err
    assert len(average["positions"]) == len(average["effect"]) == len(average["half_width"]) == 6
    subject = {record: here(*arguments, "--index", record, "--json").json for record in (0, 2)}
    last = [trace["effect"][trace["subject"][1] - 1] for trace in subject.values()]
    for layer in range(LAYERS):
        assert math.isclose(average["effect"][2][layer], (last[0][layer] + last[1][layer]) / 2, abs_tol=1e-12)
    again = here(*arguments, "--average")
    assert "Average trace of 2 facts (mlp, window 1)" in again.out and "2 of 2 from the store" in again.out
    assert "Records left out, not known by the model: 1" in again.out and "Only 2 usable facts" in again.out
    assert "last subject token" in again.out and "± 1.96 sd/√n" in again.out


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


def test_the_three_line_api_gives_what_the_command_gives(scored, home, tiny_folder, fact_file, monkeypatch):
    import lga_core

    monkeypatch.setenv("LGA_HOME", str(home))
    model = lga_core.load(str(tiny_folder))
    scores = lga_core.score(model, fact_file, limit=3)
    assert scores.total.tolist() == scored[0].json[0]["total"]
    report = lga_core.edit(model, fact_file, index=0, layers=[1])
    assert report.record == 0 and report.layers == (1,) and set(report.after) >= {"rewrite"}


def test_cache_shows_what_lies_there_and_cleans_it(here, tiny_folder, fact_file):
    edited = here("edit", tiny_folder, fact_file, "--index", 0, "--layers", "1", "--set", "seed=5", "--json")
    assert edited.code == 0, edited.err
    before = here("cache", "--json").json
    sizes = {part["name"]: part["bytes"] for part in before["parts"]}
    assert sizes["second moments"] > 0 and sizes["stored runs"] > 0 and sum(sizes.values()) == before["bytes"]
    after = here("cache", "--clean", "moments", "--json").json
    assert after["freed_bytes"] == sizes["second moments"]
    assert {part["name"]: part["bytes"] for part in after["parts"]} == {**sizes, "second moments": 0}
    refused = here("cache", "--clean", "models")
    assert refused.code == 2 and "--clean takes" in refused.err
    refused = here("cache", "--shrink", "inf")
    assert refused.code == 2 and "no number of gigabytes" in refused.err
    assert here("cache", "--clean", "values", "--json").json["freed_bytes"] == sizes["v*"]
