"""`bench scale`: the shapes are the published ones, the fit finds what made the times, the memory is what is kept."""

import json

import pytest
import torch

from lga_core.bench.scale import scale
from lga_core.bench.scale.fit import Fit, Load
from lga_core.bench.scale.shapes import SHAPES, parameters, random_model
from lga_core.data.load import choose, load_facts
from lga_core.models.running.memory import kept_bytes, weight_bytes

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def facts():
    return choose(load_facts("world").facts, 12, 0)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("GPT-2 XL", 1_557_611_200),
        ("Llama-2-7B", 6_738_415_616),
        ("Gemma-3-12B, text", 11_766_034_176),
    ],
)
def test_the_shapes_have_the_published_number_of_parameters(name, count):
    assert parameters(next(shape for shape in SHAPES if shape.name == name)) == count


def loads() -> list[Load]:
    return [
        Load(layers=layers, width=width, tokens=tokens, heads=tokens / 8, entries=12 * width**2, vocabulary=4000)
        for layers in (2, 4, 8)
        for width in (256, 512, 768)
        for tokens in (40, 200)
    ]


@pytest.mark.parametrize("coefficients", [(1e-3, 2e-9, 3e-11), (0.0, 2e-9, 3e-11), (1e-3, 0.0, 3e-11)])
def test_the_fit_finds_the_coefficients_that_made_the_times(coefficients):
    times = [sum(a * b for a, b in zip(coefficients, load.terms, strict=True)) for load in loads()]
    fit = Fit.of(loads(), times)
    assert fit.coefficients == pytest.approx(coefficients, rel=1e-6, abs=1e-15)
    assert fit.r2 == pytest.approx(1) and fit.points == 18
    large = Load(layers=32, width=4096, tokens=20, heads=2, entries=202_375_168, vocabulary=32000)
    assert fit.seconds(large) == pytest.approx(sum(a * b for a, b in zip(coefficients, large.terms, strict=True)))


def test_no_coefficient_is_below_zero_and_noise_lowers_the_share_explained():
    times = [1e-3 * load.layers * (1.5 if i % 2 else 0.5) for i, load in enumerate(loads())]
    fit = Fit.of(loads(), times)
    assert min(fit.coefficients) >= 0 and fit.r2 < 0.9


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_small_shape_has_the_proportions_of_the_large_one(shape, facts):
    width = shape.near(256)
    model = random_model(shape, facts, layers=2, width=width, vocabulary=4000, device=CPU, dtype=torch.bfloat16)
    full = shape.config(shape.layers, shape.width, shape.vocabulary)
    inner = getattr(full, "intermediate_size", None) or full.n_inner
    down = model.architecture.blocks[0].down
    assert (model.layers, model.architecture.hidden_size, model.dtype) == (2, width, torch.bfloat16)
    assert down.d_in / down.d_out == pytest.approx(inner / shape.width, rel=0.02)
    assert all(bool(parameter.isfinite().all()) for parameter in model.model.parameters())


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_what_a_token_leaves_behind_grows_with_depth_and_width(shape, facts):
    """The one assumption of the memory's arithmetic."""

    def kept(layers: int, width: int) -> float:
        width = shape.near(width)
        model = random_model(
            shape, facts, layers=layers, width=width, vocabulary=4000, device=CPU, dtype=torch.bfloat16
        )
        return kept_bytes(model) / layers / width

    assert kept(2, 256) == pytest.approx(kept(4, 512), rel=0.05)


def test_the_benchmark_keeps_to_its_contract(monkeypatch):
    monkeypatch.setattr(scale, "LAYERS", (1, 2))
    monkeypatch.setattr(scale, "WIDTHS", (128,))
    monkeypatch.setattr(scale, "BEYOND", (3, 128))
    monkeypatch.setattr(scale, "SMALL_FACTS", (2, 4))
    monkeypatch.setattr(scale, "pick_device", lambda _asked: CPU)
    report = scale.bench_scale("unused", limit=4)
    assert set(report) >= {
        "name",
        "seconds",
        "peak_bytes",
        "rows",
        "machine",
        "settings",
    }
    assert report["name"] == "scale"
    assert [(row["shape"], row["method"]) for row in report["rows"]] == [
        (shape.name, method) for shape in SHAPES for method in ("lga", "cma-mlp", "r-rome")
    ]
    for row in report["rows"]:
        assert row["how"] == "arithmetic" and row["seconds_per_fact"] > 0 and row["r2"] <= 1 and row["beyond"] > 0
        assert row["peak_over_weights"] == row["peak_bytes"] / row["weight_bytes"] > 1
        assert row["peak_over_weights"] <= 1.3 or row["method"] != "lga"
    assert {(point["layers"], point["facts"]) for point in report["points"] if point["method"] == "lga"} == {
        *((layers, count) for layers in (1, 2) for count in (2, 4)),
        (3, 2),
    }
    json.dumps(report)


def test_the_work_that_is_counted_is_the_work_that_is_done(facts):
    """CMA counts its own rows: a suffix of the blocks is its share."""
    model = random_model(
        SHAPES[1], facts, layers=4, width=SHAPES[1].near(128), vocabulary=4000, device=CPU, dtype=torch.float32
    )
    counted = scale.tasks(model, facts, {"lga": 3, "cma-mlp": 1, "r-rome": 1})
    (row,) = counted[1].run()
    length = len(model.tokenizer(facts[0].prompt)["input_ids"])
    assert row.cost.forward_rows * length == pytest.approx(counted[1].load.tokens, rel=0.1)
    assert [task.facts for task in counted] == [3, 1, 1] and weight_bytes(model) > 0
