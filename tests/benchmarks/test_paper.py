"""`bench paper`: its units are whole, small, read back and not measured twice; their table says what the sweep says."""

import json

import numpy as np
import pytest
from conftest import tiny_model

from lga_core.bench.quality import paper
from lga_core.bench.quality.paper import bench_paper, study_facts
from lga_core.errors import LgaError
from lga_core.results import METRICS
from lga_core.runs.shipped import study_units as study
from lga_core.runs.shipped.study_units import kept_units, read_unit, unit_path
from lga_core.worth.ground_truth import Truth
from lga_core.worth.held_out import best_overall
from lga_core.worth.study.judged import STUDIED, TABLED, WITH_FEWER, stability, table_rows

COUNT = 4
SIZES = (2, 8)  # of the proxy; there are no 8


@pytest.fixture
def units(tmp_path, monkeypatch):
    model = tiny_model("llama")
    monkeypatch.setattr(study, "UNITS", tmp_path / "study")
    monkeypatch.setattr(paper, "PLAN", (("r-rome", "world"), ("ft-m", "world")))
    monkeypatch.setattr(paper, "STEPS", 1)
    monkeypatch.setattr(paper, "SIZES", SIZES)
    monkeypatch.setattr(paper, "load", lambda _name, report: model)
    return model


def test_a_unit_is_measured_once_and_its_table_follows_from_it(units, monkeypatch):
    report = bench_paper(units.name, limit=COUNT)
    file = unit_path(units.name, "world", "r-rome")
    assert sorted(path.name for path in study.UNITS.iterdir()) == sorted(
        f"{units.name}-world-{editor}.json" for editor in ("r-rome", "ft-m")
    )
    unit = read_unit(units.name, "world", "r-rome")
    assert unit.to_json() == json.dumps(json.loads(file.read_text()), separators=(",", ":"), ensure_ascii=False)
    assert unit.proxy.complete and unit.test.complete
    assert unit.command.endswith(f" --limit {COUNT}")
    assert not set(unit.proxy.records) & set(unit.test.records)
    rows = table_rows(unit)
    assert [row for row in report["rows"] if row["editor"] == "r-rome"] == rows
    mean = unit.test.mean("overall")
    best = best_overall(Truth.of(unit.test), np.ones((1, COUNT)), in_sample=False)[0]
    for name, row in zip(TABLED, rows, strict=False):
        pick = next(pick for pick in unit.picks if pick.selector == name)
        assert (row["layer"], row["selector"]) == (pick.layer, pick.title)
        assert row["rows"] == pick.cost.forward_rows + pick.cost.backward_rows
        if pick.layer is None:
            assert (row["overall"], row["regret"]) == (None, None) and row["reason"]
            continue
        assert row["overall"] == pytest.approx(mean[pick.layer])
        assert row["regret"] == pytest.approx(best - mean[pick.layer], abs=1e-6)
        assert row["fluency_n"] == COUNT and row["fluency"] == unit.fluency[pick.layer].value
        for metric in METRICS:
            assert row[metric] == pytest.approx(unit.test.mean(metric)[pick.layer])
            assert row[f"{metric}_n"] == np.isfinite(unit.test.after[metric][:, 0]).sum()
    assert [pick.selector for pick in unit.picks] == [
        *(selector.name for selector in STUDIED),
        "forecast-race",
        "brute-force",
    ]
    firm = {item.selector: item for item in unit.stability}
    assert list(firm) == [*WITH_FEWER, "brute-force"] and firm["lga"].sizes == (SIZES[0], COUNT)
    assert firm["brute-force"].near[-1] == 1 and 0 <= firm["brute-force"].firm <= 1
    for held, told in zip(stability(unit), unit.stability, strict=True):
        np.testing.assert_allclose(held.regret, told.regret, atol=1e-3)  # a unit keeps two decimals
    assert firm["lga"].layer == next(pick.layer for pick in unit.picks if pick.selector == "lga")
    brute = rows[TABLED.index("brute-force")]
    assert (brute["layer"], brute["fewer_rows"], brute["faster"]) == (int(unit.proxy.mean("overall").argmax()), 1, 1)
    assert rows[-1]["overall"] == pytest.approx(unit.test.overall.max(1).mean())
    assert (rows[-2]["overall"], rows[-2]["regret"]) == pytest.approx((mean.mean(), best - mean.mean()))
    assert rows[-2]["rewrite"] == pytest.approx(unit.test.mean("rewrite").mean())
    monkeypatch.setattr(paper, "load", lambda _name, report: pytest.fail("measured again"))
    assert bench_paper(units.name, limit=COUNT)["rows"] == report["rows"]
    assert [one.editor for one in kept_units()] == ["ft-m", "r-rome"] and kept_units()[1].to_json() == unit.to_json()
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        bench_paper(units.name, limit=COUNT + 1)  # another size is another unit


def test_one_unit_alone_can_be_asked_for(units):
    report = bench_paper(units.name, limit=1, unit="world/ft-m")
    assert {row["editor"] for row in report["rows"]} == {"ft-m"}
    assert [path.name for path in study.UNITS.iterdir()] == [f"{units.name}-world-ft-m.json"]
    with pytest.raises(LgaError, match=r"no unit 'world/rome'\. Choose one of world/r-rome, world/ft-m"):
        bench_paper(units.name, unit="world/rome")


def test_the_study_as_it_is_planned():
    assert [paper.FEWER.get(name, paper.FACTS) for name in paper.SETS] == [32, 32, 32, 32, 12]
    by_editor = {editor: [name for other, name in paper.PLAN if other == editor] for editor, _name in paper.PLAN}
    assert by_editor == {"r-rome": list(paper.SETS), "memit": ["world", "zsre"], "ft-m": ["world", "zsre"]}
    assert paper.SIZES == (4, 8, 16, 32)


def test_a_set_with_long_answers_has_fewer_facts_unless_asked_for(units, monkeypatch):
    monkeypatch.setattr(paper, "PLAN", (("ft-m", "world"),))
    monkeypatch.setattr(paper, "FEWER", {"world": COUNT})
    bench_paper(units.name)
    unit = read_unit(units.name, "world", "ft-m")
    assert unit.settings["test_facts"] == len(unit.test.records) == COUNT
    assert unit.command == f"python -m lga_core bench paper --model {units.name} --unit world/ft-m"
    monkeypatch.setattr(paper, "load", lambda _name, report: pytest.fail("measured again"))
    bench_paper(units.name, limit=COUNT)


def test_a_units_facts_can_be_edited_and_share_no_subject():
    facts = study_facts("world", 12, 0)
    assert (len(facts.proxy), len(facts.test)) == (12, 12)
    assert not {fact.subject for fact in facts.half} & {fact.subject for fact in facts.test}
    assert all(fact.target_new and fact.target_new not in fact.target_old for fact in (*facts.proxy, *facts.test))
    assert facts.half[:12] == facts.proxy
    assert study_facts("world", 12, 0) == facts and study_facts("world", 12, 1) != facts


def test_a_benchmark_that_is_not_there_says_where_it_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("LGA_BENCHMARK_DATA", str(tmp_path))
    with pytest.raises(LgaError, match=r"zsre\.json of the public benchmarks is not at hand"):
        study_facts("zsre", 12, 0)
    monkeypatch.delenv("LGA_BENCHMARK_DATA")
    with pytest.raises(LgaError, match=r"zsre\.json, and LGA_BENCHMARK_DATA names no folder"):
        study_facts("zsre", 12, 0)
