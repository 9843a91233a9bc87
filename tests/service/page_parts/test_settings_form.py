"""A form's fields, the values of its widgets and what differs from the defaults, from the settings class alone."""

from dataclasses import replace

import pytest
from pydantic.dataclasses import dataclass

from lga_core.editing.settings import RRomeSettings
from lga_core.editing.table import EDITORS
from lga_core.evaluation.settings import ManyEditsSettings, MetricSettings, SweepMetrics
from lga_core.service.page_parts.settings_form import changed_words, form_fields, own_changes, widget_values
from lga_core.settings import Settings, setting, settings_in

KINDS = [*(editor.settings for editor in EDITORS.values()), ManyEditsSettings, MetricSettings, SweepMetrics]


@dataclass(frozen=True, kw_only=True)
class Inner(Settings):
    rate: float = setting(0.5, "Rate", "Of the search.", source="a paper", gt=0.0)


@dataclass(frozen=True, kw_only=True)
class Outer(Settings):
    steps: int = setting(20, "Steps", gt=0, le=100)
    cap: int | None = setting(None, "Cap", none_means="no cap", ge=3)
    on: bool = setting(True, "On")
    inner: Inner = setting(Inner, "Inner ones")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_setting_has_a_field_and_its_default_fits_it(kind):
    fields = form_fields(kind, "p")
    assert [field.name for field in fields] == list(settings_in(kind))
    for field in fields:
        default = field.known.default
        types = {"whole number": int, "number": float, "switch": bool, "text source": str, "group": field.group}
        if field.kind == "choice":
            assert default in field.options
        elif field.kind != "text":
            assert default is None or isinstance(default, types[field.kind]), field


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_the_widgets_of_the_defaults_hold_the_defaults(kind):
    values = widget_values(kind(), "p")
    for field in form_fields(kind, "p"):
        if field.kind != "group":
            assert values[field.key] == field.known.default
    assert changed_words(kind()) == []


def test_kinds_bounds_and_help_come_from_the_class():
    steps, cap, on, inner = form_fields(Outer, "set")
    assert [field.kind for field in (steps, cap, on, inner)] == ["whole number", "whole number", "switch", "group"]
    assert (steps.key, steps.least, cap.least, on.least) == ("set_steps", 1, 3, None)
    assert cap.help == "Default: no cap. Source: ours." and on.help == "Default: on. Source: ours."
    (rate,) = form_fields(inner.group, inner.key)
    assert (rate.key, rate.kind, rate.least) == ("set_inner_rate", "number", 0.0)
    assert rate.help == "Of the search. Default: 0.5. Source: a paper."


@pytest.mark.parametrize(
    ("source", "held"),
    [
        ("identity", {"p_covariance": "identity"}),
        ("file:/some/text.txt", {"p_covariance": "file:", "p_covariance_file": "/some/text.txt"}),
        ("hub:owner/name:config", {"p_covariance": "hub:", "p_covariance_hub": "owner/name:config"}),
    ],
)
def test_a_text_source_is_its_kind_and_its_place(source, held):
    values = widget_values(RRomeSettings(covariance=source), "p")
    assert {key: value for key, value in values.items() if key.startswith("p_covariance")} == held


def test_what_was_changed_is_told_with_the_default_also_in_a_group():
    changed = Outer(steps=5, cap=4, on=False, inner=Inner(rate=0.1))
    assert changed_words(changed) == [
        "Steps: 5, default 20",
        "Cap: 4, default no cap",
        "On: off, default on",
        "Rate: 0.1, default 0.5",
    ]
    assert widget_values(changed, "p") == {"p_steps": 5, "p_cap": 4, "p_on": False, "p_inner_rate": 0.1}


def test_beside_one_another_only_what_is_not_shared_is_told():
    few = Outer(steps=5)
    assert own_changes([few, replace(few, on=False)]) == ["", "On: off, default on"]
    assert own_changes([few]) == [""] and own_changes([]) == []
