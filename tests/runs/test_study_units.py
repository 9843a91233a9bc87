"""The kept units of the reproduction study are written whole or not at all."""

import resource

import pytest

from lga_core.runs.shipped import study_units
from lga_core.runs.shipped.study_units import keep_unit, kept_units, read_unit


def test_a_full_disk_leaves_nothing_behind_and_what_was_kept(tmp_path, monkeypatch):
    unit = kept_units()[0]
    monkeypatch.setattr(study_units, "UNITS", tmp_path / "study")
    name = unit.model, unit.fact_set, unit.editor
    for kept in (None, unit):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500, hard))  # no file gets larger
        try:
            with pytest.raises(OSError):
                keep_unit(unit)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        left = read_unit(*name)
        assert (left and left.to_json()) == (kept and kept.to_json())
        assert len(list((tmp_path / "study").iterdir())) == (kept is not None)
        keep_unit(unit)
