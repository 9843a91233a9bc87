"""`race`: its JSON follows from the sweep's cells; budget, store, table, errors."""

import json
import statistics

import pytest

from lga_core.cli import main

QUICK = ("--set", "steps=2", "--set", "contexts=1", "--set", "covariance=identity")


@pytest.fixture(scope="module")
def raced(home, tiny_folder, fact_file, tmp_path_factory):
    """A race, the sweep after it, and the same race again."""
    folder, answers = tmp_path_factory.mktemp("out"), []
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("LGA_HOME", str(home))
        for number, more in enumerate(
            (
                ("race", "--candidates", 3, "--block", 1),
                ("sweep", "--method", "forecast"),
                ("race", "--candidates", 3, "--block", 1),
            )
        ):
            out = folder / f"{number}.json"
            arguments = [more[0], tiny_folder, fact_file, "--quiet", "--out", out, *QUICK, *more[1:]]
            assert main([str(argument) for argument in arguments]) == 0
            answers.append(json.loads(out.read_text(), parse_constant=pytest.fail))
    return answers


def test_the_race_is_that_of_the_sweep_s_cells(raced):
    race, sweep, _again = raced
    forecast = sweep["selectors"][0]
    assert (race["method"], race["candidates"]) == ("forecast", forecast["ranking"][:3])
    assert (race["editor"], race["settings"], race["protocol"]) == (
        sweep["editor"],
        sweep["settings"],
        sweep["protocol"],
    )
    assert (race["answers"], race["left_out"]) == (sweep["answers"], sweep["left_out"]) == ("first", {})
    assert [fact["status"] for fact in race["facts"]] == ["used", "used", "used", "no new answer"]
    assert [fact["record"] for fact in race["facts"]] == [0, 1, 2, 4] and sorted(race["order"]) == [0, 1, 2]
    cells = dict(zip((fact["record"] for fact in sweep["facts"]), sweep["per_fact_overall"], strict=True))
    for number, item in enumerate(race["rounds"], start=1):
        assert (item["facts"], item["compared"], item["cells"]) == (number, number, 3 * number)
        assert item["layers"] == race["candidates"] and item["dropped"] == {} and not item["could_drop"]
        means = [
            statistics.fmean(cells[record][layer] for record in race["order"][:number]) for layer in item["layers"]
        ]
        assert item["mean"] == pytest.approx(means)
        best = max(item["mean"])
        assert item["leader"] == item["layers"][item["mean"].index(best)]
        assert [behind["value"] for behind in item["behind"]] == pytest.approx([best - mean for mean in item["mean"]])
        assert (item["intervals"][0] == [None, None]) == (number == 1)
    last = race["rounds"][-1]
    assert (race["layer"], race["ending"], race["certain"]) == (last["leader"], "no facts left", False)
    assert (race["n_facts"], race["cells"], race["most_cells"]) == (3, 9, 9) and race["left"] == race["candidates"]
    assert 0 <= race["confidence"] <= 1 and race["runner_up"] in set(race["candidates"]) - {race["layer"]}
    second = sorted(last["mean"])[-2]
    assert race["lead"]["value"] == pytest.approx(max(last["mean"]) - second) and race["lead"]["n"] == 3
    assert race["lead"]["interval"][0] <= race["lead"]["value"] <= race["lead"]["interval"][1]


def test_what_it_took(raced):
    race, sweep, again = raced
    for name in ("seconds", "forward_rows", "backward_rows"):
        assert race[name] == pytest.approx(race["costs"]["ranking"][name] + race["costs"]["race"][name])
        assert min(race["costs"]["ranking"][name], race["costs"]["race"][name]) > 0
        assert race["costs"]["race"][name] == pytest.approx(race["rounds"][-1][name])
        assert race["costs"]["race"][name] <= sweep[name]  # 9 of its 12 cells
    assert race["run"] == sweep["run"] and not race["from_store"] and not sweep["from_store"]
    assert again == {**race, "from_store": True}


def test_layers_method_budget_and_confidence(raced, here, tiny_folder, fact_file):
    arguments = ("race", tiny_folder, fact_file, "--json", *QUICK)
    one = here(*arguments, "--layers", "0,2-3", "--method", "middle", "--confidence", 0.3, "--block", 3)
    assert one.code == 0, one.err
    assert (one.json["method"], one.json["candidates"]) == ("middle", [2, 3, 0])
    assert one.json["from_store"] and one.json["rounds"][0]["could_drop"]
    assert one.json["left"] == [layer for layer in [2, 3, 0] if str(layer) not in one.json["rounds"][0]["dropped"]]
    asked, taken = one.json["race"], one.json["costs"]["race"]
    assert (asked["confidence"], asked["block"], asked["looks"], asked["seconds"]) == (0.3, 3, 1, None)
    rows = 0.5 * (taken["forward_rows"] + taken["backward_rows"])
    few = here(*arguments, "--layers", "0,2-3", "--method", "middle", "--block", 1, "--budget-rows", rows).json
    assert few["ending"] == "budget" and few["n_facts"] < 3
    assert [fact["status"] for fact in few["facts"]].count("not reached") == 3 - few["n_facts"]
    none = here(*arguments, "--budget", 1e-9).json
    assert (none["ending"], none["rounds"], none["n_facts"]) == ("budget", [], 0)
    assert none["layer"] == none["candidates"][0] and none["confidence"] is None


def test_the_table(raced, here, tiny_folder, fact_file):
    answer = here("race", tiny_folder, fact_file, "--candidates", 3, "--block", 1, *QUICK)
    assert answer.code == 0, answer.err
    lines, race = answer.out.splitlines(), raced[0]
    assert lines[0] == (
        f"R-ROME on small.json: layer {race['layer']} of 3 layers by Forecast, after 3 facts of 3 and "
        "9 of 9 edits; stopped: no facts left."
    )
    assert "No layer beats it in" in lines[1] and f"its lead over layer {race['runner_up']} is" in lines[1]
    assert "teacher-forced token accuracy, first accepted answer, percent. No cap leaves a probe out." in lines[2]
    assert "Bonferroni" in lines[3]
    assert lines[4].startswith("Ranking ") and lines[4].endswith(", from the store")
    assert lines[5] == "Records not used, no new answer: 4"
    assert [line.split()[0] for line in lines[6:]] == ["layer", *map(str, race["candidates"])]
    unsure = here("race", tiny_folder, fact_file, "--candidates", 1, *QUICK)
    assert "only one layer raced" in unsure.out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--editor", "magic"), ("no editor 'magic'", "r-rome")),
        (("--method", "best"), ("no selector 'best'", "forecast")),
        (("--method", "brute-force"), ("is the sweep itself", "forecast")),
        (("--method", "cma", *QUICK), ("CMA, MLP ranks no layer", "no usable fact", "another method")),
        (("--layers", "0,4"), ("no layer 4", "0 to 3")),
        (("--candidates", "0"), ("candidates", "at least 1")),
        (("--confidence", "1"), ("confidence", "0.999")),
        (("--budget", "0"), ("seconds", "above 0")),
    ],
    ids=lambda value: " ".join(value[:2]),
)
def test_one_line_with_cause_and_remedy(here, tiny_folder, fact_file, arguments, expected):
    answer = here("race", tiny_folder, fact_file, *arguments)
    assert (answer.code, answer.out) == (2, "") and "Traceback" not in answer.err
    for words in expected:
        assert words in answer.err.splitlines()[-1]
