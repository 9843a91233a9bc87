"""`facts`, `models` and `cache`: what there is."""


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


def test_cache_shows_what_lies_there_and_cleans_it(here, tiny_folder, fact_file):
    edited = here("edit", tiny_folder, fact_file, "--index", 0, "--layers", "1", "--set", "seed=5", "--json")
    assert edited.code == 0, edited.err
    before = here("cache", "--json").json
    sizes = {part["name"]: part["bytes"] for part in before["parts"]}
    assert min(sizes["second moments"], sizes["stored runs"], sizes["v*"]) > 0
    assert sum(sizes.values()) == before["bytes"]
    after = here("cache", "--clean", "moments", "--json").json
    assert after["freed_bytes"] == sizes["second moments"]
    assert {part["name"]: part["bytes"] for part in after["parts"]} == {**sizes, "second moments": 0}
    refused = here("cache", "--clean", "models")
    assert refused.code == 2 and "--clean takes" in refused.err
    refused = here("cache", "--shrink", "inf")
    assert refused.code == 2 and "no number of gigabytes" in refused.err
    assert here("cache", "--clean", "values", "--json").json["freed_bytes"] == sizes["v*"]
