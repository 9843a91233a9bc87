"""`sweep`: the contract's JSON, worked out again from its own cells; held-out facts; subsets; errors."""

import json
import statistics

import pytest

from lga_core.cli import main
from lga_core.worth.selectors import SELECTORS

LAYERS = 4
MAKEUP = ["rewrite", "rephrase", "locality", "portability"]
FIRST = "teacher-forced token accuracy, first accepted answer"
QUICK = ("--set", "steps=2", "--set", "contexts=1", "--set", "covariance=identity")
OTHERS = [
    {
        "prompt": f"{subject} plays",
        "subject": subject,
        "target_new": new,
        "ground_truth": [old],
        "rephrase_prompt": f"The sport of {subject} is",
        "locality": {"Neighborhood": [{"prompt": "The Eiffel Tower stands in", "ground_truth": ["Paris"]}]},
    }
    for subject, new, old in (("LeBron James", "tennis", "basketball"), ("Toyota", "piano", "football"))
]


@pytest.fixture(scope="module")
def test_file(tmp_path_factory):
    """Two other facts, without portability; one subject stands in the other file too."""
    path = tmp_path_factory.mktemp("facts") / "held-out.json"
    path.write_text(json.dumps(OTHERS))
    return path


@pytest.fixture(scope="module")
def swept(home, tiny_folder, fact_file, test_file, tmp_path_factory):
    """The answers in sample and held out."""
    folder, answers = tmp_path_factory.mktemp("out"), []
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LGA_HOME", str(home))
        for number, more in enumerate(((), ("--test", test_file))):
            out = folder / f"{number}.json"
            arguments = ["sweep", tiny_folder, fact_file, "--quiet", "--out", out, *QUICK, *more]
            assert main([str(argument) for argument in arguments]) == 0
            answers.append(json.loads(out.read_text(), parse_constant=pytest.fail))
    return answers


def check_truth(report, layers, in_sample=True):
    """Means, golden layer and sample-wise optimum follow from the cells."""
    rows = [row for row in report["per_fact_overall"] if row is not None]
    assert report["layers"] == layers and all(len(row) == len(layers) for row in rows)
    assert len(report["facts"]) == len(report["per_fact_overall"])
    for fact, row in zip(report["facts"], report["per_fact_overall"], strict=True):
        assert (row is not None) == (fact["status"] == "used")
    means = [statistics.fmean(column) for column in zip(*rows, strict=True)]
    assert report["mean"]["overall"] == pytest.approx(means)
    assert report["golden_layer"] == layers[report["mean"]["overall"].index(max(report["mean"]["overall"]))]
    optimum = statistics.fmean(max(row) for row in rows)
    assert report["samplewise_optimum"] == report["samplewise"]["value"] == pytest.approx(optimum)
    assert report["golden"]["value"] == pytest.approx(max(means))
    if in_sample:  # held out the gap is to the layer that half of the facts name
        assert report["golden_gap"]["value"] == pytest.approx(optimum - max(means))
    assert sum(report["best_layers"]) == pytest.approx(len(rows)) == report["n_facts"] == report["n"]["overall"]
    assert report["unfinished"] == 0 and report["seconds"] > 0 and report["forward_rows"] > report["backward_rows"] > 0


def check_selectors(selectors, truth, in_sample=True):
    """Every selector's verdict follows from the means of the facts that judge."""
    layers, means = truth["layers"], truth["mean"]["overall"]
    for item in selectors:
        if item["layer"] is None:
            assert item["reason"] and item["overall"] is item["regret"] is item["spearman"] is item["hit_at_1"] is None
            continue
        assert item["layer"] == item["ranking"][0] and set(item["ranking"]) <= set(layers)
        at = means[layers.index(item["layer"])]
        assert item["overall"] == pytest.approx(at)
        assert item["regret"] == (pytest.approx(max(means) - at) if in_sample else None)  # two facts have no halves
        assert item["below_optimum"] == pytest.approx(truth["samplewise_optimum"] - at)
        best = {layer for layer, mean in zip(layers, means, strict=True) if mean == max(means)}
        for k in (1, 3, 5):
            assert item[f"hit_at_{k}"] == bool(best & set(item["ranking"][:k]))
        for name in MAKEUP:
            assert item["metrics"][name]["n"] == truth["n"][name]
            assert item["metrics"][name]["value"] == truth["mean"][name][layers.index(item["layer"])]
        low, high = item["intervals"]["overall"]
        assert low <= high and item["seconds"] >= 0
        if item["method"] == "forecast-race":
            assert item["stability"] is None
            continue
        assert len(item["stability"]["sizes"]) == len(item["stability"]["share"])


def test_the_contract_in_sample(swept):
    report, _ = swept
    check_truth(report, list(range(LAYERS)))
    check_selectors(report["selectors"], report)
    assert [fact["record"] for fact in report["facts"]] == [0, 1, 2, 4]
    assert [fact["status"] for fact in report["facts"]] == ["used", "used", "used", "no new answer"]
    assert (report["protocol"], report["editor"]) == (FIRST, "r-rome")
    assert (report["answers"], report["left_out"]) == ("first", {})
    assert report["settings"]["value"]["steps"] == 2 and report["test"] is None and report["in_sample"]
    assert report["makeup"] == MAKEUP
    *quick, last = [item.name for item in SELECTORS.values() if item.quick]
    assert [item["method"] for item in report["selectors"]] == [*quick, "forecast-race", last]
    brute = report["selectors"][-1]
    assert brute["regret"] == 0 and brute["hit_at_1"] and brute["layer"] == report["golden_layer"]
    assert brute["seconds"] == report["seconds"] and brute["spearman"] in (None, pytest.approx(1))


def test_the_forecasts_race_stands_beside_the_forecast(swept):
    """With three facts no layer can be dropped: the race names the best of the forecast's first five on all of them."""
    for report in swept:
        by_method = {item["method"]: item for item in report["selectors"]}
        forecast, race = by_method["forecast"], by_method["forecast-race"]
        means = report["mean"]["overall"]
        assert race["title"] == "Forecast + racing" and sorted(race["ranking"]) == sorted(forecast["ranking"])
        assert means[race["layer"]] == max(means[layer] for layer in forecast["ranking"][:5])
        assert race["backward_rows"] == pytest.approx(forecast["backward_rows"] + report["backward_rows"])


def test_held_out_picks_are_made_on_facts_and_judged_on_the_others(swept):
    inside, report = swept
    test = report["test"]
    check_truth(report, list(range(LAYERS)))
    check_truth(test, list(range(LAYERS)), in_sample=False)
    check_selectors(report["selectors"], test, in_sample=False)
    assert report["per_fact_overall"] == inside["per_fact_overall"] and report["from_store"]
    assert (test["name"], test["makeup"], test["n"]["portability"]) == ("held-out.json", MAKEUP[:3], 0)
    assert (report["judged_on"], report["in_sample"], report["shared_subjects"]) == ("held-out.json", False, 1)
    for item, before in zip(report["selectors"], inside["selectors"], strict=True):
        assert (item["layer"], item["ranking"]) == (before["layer"], before["ranking"])
    carried, brute = report["transfer"], report["selectors"][-1]
    assert (carried["sets"], carried["n"]) == (["proxy", "test"], [3, 2])
    assert carried["layers"] == [report["golden_layer"], test["golden_layer"]]
    assert carried["regret"][0] == [0, brute["regret"]] == [0, None] and carried["regret"][1][1] == 0


def test_a_cell_is_what_the_trial_edit_says(swept, here, tiny_folder, fact_file):
    for index, layer in ((0, 1), (2, 3)):
        edited = here("edit", tiny_folder, fact_file, "--index", index, "--layers", layer, "--json", *QUICK).json
        values = [metric["teacher_forced"] for metric in edited["after"].values()]
        assert swept[0]["per_fact_overall"][index][layer] == pytest.approx(statistics.fmean(values))


def test_fewer_layers_and_facts_share_the_cells(swept, here, tiny_folder, fact_file):
    answer = here(
        "sweep",
        tiny_folder,
        fact_file,
        "--limit",
        2,
        "--layers",
        "3,0-1",
        "--method",
        "cma",
        "--method",
        "lga-own-old",
        "--method",
        "middle",
        "--json",
        *QUICK,
    )
    assert answer.code == 0, answer.err
    report = answer.json
    check_truth(report, [0, 1, 3])
    check_selectors(report["selectors"], report)
    assert report["from_store"]
    whole = swept[0]["per_fact_overall"][:2]
    assert report["per_fact_overall"] == [[row[layer] for layer in (0, 1, 3)] for row in whole]
    cma, _own, middle, brute = report["selectors"]
    assert [item["method"] for item in report["selectors"]] == ["cma-mlp", "lga-own-old", "middle", "brute-force"]
    assert cma["layer"] is None and cma["reason"]
    assert (middle["own_layer"], middle["layer"], middle["restricted"]) == (2, 1, True) and not brute["restricted"]


def test_the_same_facts_as_test_are_in_sample(swept, here, tiny_folder, fact_file):
    report = here("sweep", tiny_folder, fact_file, "--test", fact_file, "--method", "lga", "--json", *QUICK).json
    assert report["in_sample"] and report["shared_subjects"] == 3
    assert report["selectors"][-1]["regret"] == 0 and report["test"]["mean"] == report["mean"]


def test_the_table(swept, here, tiny_folder, fact_file, test_file):
    answer = here("sweep", tiny_folder, fact_file, "--test", test_file, "--method", "lga", "--layers", "0-2", *QUICK)
    assert answer.code == 0, answer.err
    assert "R-ROME on small.json, 3 facts, 3 layers: golden layer" in answer.out
    assert "R-ROME on held-out.json, 2 facts, 3 layers" in answer.out and "optimistic" in answer.out
    assert "teacher-forced token accuracy, first accepted answer, percent; rewrite, rephrase, locality)" in answer.out
    assert "Records not swept, no new answer: 4" in answer.out
    assert "judged on held-out.json (1 subject of FACTS among them)" in answer.out
    lines = answer.out.splitlines()
    assert [line.split()[0] for line in lines[-4:]] == ["layer", "0", "1", "2"]
    assert any(line.startswith("Brute force  ") for line in lines)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--editor", "magic"), ("no editor 'magic'", "r-rome")),
        (("--method", "best"), ("no selector 'best'", "lga-own-old")),
        (("--layers", "all"), ("'all' names no layers", "0-3")),
        (("--layers", "a-3"), ("'a-3' names no layers", "0-3")),
        (("--layers", "0,4"), ("no layer 4", "0 to 3")),
        (("--layers", "1,0-2"), ("twice", "once")),
        (("--layers", "3-1"), ("'3-1' counts down", "0-3")),
        (("--set", "speed=1"), ("speed=1", "NAME=VALUE")),
        (("--test", "nothing-like-it"), ("nothing-like-it", "shipped set")),
        (("--test", "OLD"), ("no fact with a new answer", "target_new")),
    ],
    ids=lambda value: " ".join(value),
)
def test_one_line_with_cause_and_remedy(here, tiny_folder, fact_file, tmp_path, arguments, expected):
    old = tmp_path / "old.json"
    old.write_text(
        json.dumps([{key: value for key, value in record.items() if key != "target_new"} for record in OTHERS])
    )
    answer = here("sweep", tiny_folder, fact_file, *(old if argument == "OLD" else argument for argument in arguments))
    assert (answer.code, answer.out) == (2, "") and "Traceback" not in answer.err
    for words in expected:
        assert words in answer.err.splitlines()[-1]


def test_the_answers_that_count_and_the_probes_left_out_are_named(here, tiny_folder, tmp_path):
    probes = [{"prompt": f"Question {n} is", "ground_truth": [["Rome"], ["London"]]} for n in range(12)]
    file = tmp_path / "many.json"
    file.write_text(json.dumps([OTHERS[0] | {"portability": {"Reasoning": probes}}]))
    arguments = ("sweep", tiny_folder, file, "--method", "middle", "--layers", "1", *QUICK)
    report = here(*arguments, "--json").json
    assert (report["answers"], report["left_out"]) == ("first", {"portability": {"Reasoning": 2}})
    shown = here(*arguments).out
    assert FIRST in shown and "2 probes left out, over the cap on a group: portability Reasoning 2." in shown
    best = here(*arguments, "--set", "answers=best", "--set", "probes=none", "--json").json
    assert (best["answers"], best["left_out"], best["from_store"]) == ("best", {}, False)
    assert best["protocol"].endswith("best accepted answer")
    assert (
        "No cap leaves a probe out. No locality probe expects the new answer."
        in here(*arguments, "--set", "probes=12").out
    )
    wrong = here(*arguments, "--set", "answers=last")
    assert wrong.code != 0 and "must be 'first' or 'best'" in wrong.err
    unknown = here(*arguments, "--set", "probez=1")
    assert unknown.code != 0 and "answers" in unknown.err and "probes" in unknown.err


def test_locality_probes_that_expect_the_new_answer_are_counted_with_every_result(here, tiny_folder, tmp_path):
    new = OTHERS[0]["target_new"]
    probes = [{"prompt": f"City {n} is", "ground_truth": answer} for n, answer in enumerate([new, "Rome", new])]
    file = tmp_path / "dropped.json"
    file.write_text(json.dumps([OTHERS[0] | {"locality": {"Neighborhood": probes}}]))
    sweep = ("sweep", tiny_folder, file, "--method", "middle", "--layers", "1", *QUICK)
    race = ("race", tiny_folder, file, "--layers", "1,2", *QUICK)
    edit = ("edit", tiny_folder, file, "--index", 0, "--layers", 1, *QUICK)
    for arguments in (sweep, race, edit):
        assert here(*arguments, "--json").json["dropped_locality"] == 2
        assert (
            "No cap leaves a probe out. 2 locality probes dropped: the new answer is the one expected."
            in here(*arguments).out
        )
