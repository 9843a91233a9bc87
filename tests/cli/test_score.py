"""`score`: the contract's JSON, the store, progress, tables; and the Python API beside it."""

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


def test_score_prints_a_short_table_without_json(scored, here, tiny_folder, fact_file):
    answer = here("score", tiny_folder, fact_file, "--limit", 3, "--fences", "none", "--rank", "magnitude")
    assert answer.code == 0 and "picks layer" in answer.out and "from the store" in answer.out
    assert [line.split()[0] for line in answer.out.splitlines()[-LAYERS - 1 :]] == ["layer", "0", "1", "2", "3"]


def test_the_three_line_api_gives_what_the_command_gives(scored, home, tiny_folder, fact_file, monkeypatch):
    import lga_core

    monkeypatch.setenv("LGA_HOME", str(home))
    model = lga_core.load(str(tiny_folder))
    scores = lga_core.score(model, fact_file, limit=3)
    assert scores.total.tolist() == scored[0].json[0]["total"]
    report = lga_core.edit(model, fact_file, index=0, layers=[1])
    assert report.record == 0 and report.layers == (1,) and set(report.after) >= {"rewrite"}
