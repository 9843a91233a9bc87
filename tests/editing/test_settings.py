"""Settings: what is refused, and in which words; what asdict, replace, hash and pickle make of them."""

import pickle
from dataclasses import asdict, replace
from typing import Literal

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from lga_core.cli.options import settings_of
from lga_core.editing.settings import MemitSettings, RankOneSettings, ValueSettings
from lga_core.editing.table import EDITORS
from lga_core.errors import LgaError
from lga_core.settings import Settings, problem, setting, settings_in


@dataclass(frozen=True, kw_only=True)
class Inner(Settings):
    steps: int = setting(25, "Steps, at most", ge=1)
    rate: float | None = setting(None, "Rate", gt=0, le=3, none_means="by family")


@dataclass(frozen=True, kw_only=True)
class Outer(Settings):
    inner: Inner = setting(Inner, "The inner ones")
    way: Literal["one", "other"] = setting("one", "Way")
    on: bool = setting(False, "On")


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (Inner, {"steps": 0}, "Steps, at most (steps) must be at least 1"),
        (Inner, {"steps": "x"}, "Steps, at most (steps) must be a whole number"),
        (Inner, {"steps": 1.5}, "Steps, at most (steps) must be a whole number"),
        (Inner, {"steps": None}, "Steps, at most (steps) must be given"),
        (Inner, {"rate": 0}, "Rate (rate) must be above 0"),
        (Inner, {"rate": 3.5}, "Rate (rate) must be at most 3"),
        (Inner, {"rate": "fast"}, "Rate (rate) must be a number"),
        (Inner, {"rate": float("inf")}, "Rate (rate) must be a finite number"),
        (Inner, {"rate": float("nan")}, "Rate (rate) must be a finite number"),
        (Inner, {"stepz": 3}, "Inner has no setting 'stepz'"),
        (Outer, {"way": "none"}, "Way (way) must be 'one' or 'other'"),
        (Outer, {"inner": {"steps": 0}}, "Steps, at most (steps) must be at least 1"),
        (Outer, {"inner": {"stepz": 3}}, "Inner has no setting 'stepz'"),
        (RankOneSettings, {"contexts": -1}, "Contexts (contexts) must be at least 0"),
        (RankOneSettings, {"ridge": -1.0}, "Ridge (ridge) must be at least 0"),
        (
            RankOneSettings,
            {"covariance": "wikipedia"},
            "Second moment C (covariance) must be own-text, identity, file:PATH "
            "or hub:owner/name[:config[:split]], not 'wikipedia'",
        ),
    ],
)
def test_what_is_refused_is_named_with_label_and_bound(kind, values, words):
    for refused in (lambda: kind(**values), lambda: TypeAdapter(kind).validate_python(values)):
        with pytest.raises(ValidationError) as caught:
            refused()
        assert problem(caught.value) == words and words in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("emmet", {"lam": -1.0}),
        ("memit", {"m": -1.0}),
        ("memit", {"several": "some"}),
        ("memit", {"z_bound": 0.0}),
        ("alphaedit", {"l2": -1.0}),
        ("alphaedit", {"kept_fraction": 0.0}),
        ("alphaedit", {"kept_fraction": 1.5}),
        ("ft-l", {"learning_rate": 0}),
        ("ft-m", {"epsilon": -1}),
    ],
)
def test_each_editors_own_settings_are_checked(name, values):
    kind = EDITORS[name].settings
    (field,) = values
    with pytest.raises(ValueError, match=rf"{settings_in(kind)[field].label} \({field}\) must"):
        kind(**values)
    with pytest.raises(ValueError):
        replace(kind(), **values)


@pytest.mark.parametrize("kind", [Outer, *dict.fromkeys(editor.settings for editor in EDITORS.values())])
def test_they_are_plain_dataclasses_whose_defaults_are_allowed(kind):
    settings = kind()
    assert TypeAdapter(kind).validate_python(asdict(settings)) == settings
    assert hash(kind()) == hash(settings) and replace(settings) == settings
    assert pickle.loads(pickle.dumps(settings)) == settings
    known = settings_in(kind)
    assert {name: getattr(settings, name) for name in known} == {name: item.default for name, item in known.items()}
    assert all(item.label for item in known.values())
    with pytest.raises(AttributeError):
        setattr(settings, next(iter(known)), None)


def test_values_are_taken_in_the_type_of_their_setting():
    settings = Outer(inner={"steps": "7", "rate": 1}, on="true")
    assert settings == Outer(inner=Inner(steps=7, rate=1.0), on=True)
    assert isinstance(settings.inner, Inner) and isinstance(settings.inner.rate, float)


def test_the_command_line_sets_nested_settings_by_their_own_name():
    settings = settings_of(MemitSettings, {"seed": 3, "unknown": 1}, ["steps=12", "ridge=0.5", "m=none"])
    assert settings == MemitSettings(seed=3, ridge=0.5, value=ValueSettings(steps=12))
    for wrong, words in (
        ("steps=0", "must be at least 1"),
        ("steps=x", "must be a whole number"),
        ("stepz=1", "no such setting"),
    ):
        with pytest.raises(LgaError, match=words):
            settings_of(MemitSettings, {}, [wrong])


def test_settings_that_were_recorded_with_a_stop_on_the_nll_keep_their_meaning():
    recorded = {"value": {"steps": 12, "stop_nll": 0.1}, "contexts": 2}
    settings = TypeAdapter(EDITORS["r-rome"].settings).validate_python(recorded)
    assert (settings.value.stop, settings.value.stop_loss, settings.v0) == ("nll", 0.1, "mean")
    with pytest.raises(ValidationError):  # only what was recorded: it is no setting any more
        ValueSettings(stop_nll=0.1)
