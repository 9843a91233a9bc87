"""`trace`: one fact's, from the store the second time, and the average of several."""

import json
import math

LAYERS = 4


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
