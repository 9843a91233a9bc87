"""AlphaEdit: the edit stays in C's quiet directions and off the keys of earlier edits."""

from dataclasses import replace

import pytest
import torch
from conftest import tiny_model
from editing.test_emmet import LAYER, asked, assert_same, dense
from editing.writing import EXACT, FAMILIES
from pydantic import ValidationError
from reporting import Collect, cancel_at

from lga_core.editing.editors.alphaedit import alphaedit, directions
from lga_core.editing.editors.emmet import emmet
from lga_core.models.moments.second_moment import second_moment
from lga_core.models.sources.derived import derived_path
from lga_core.progress import Cancelled
from lga_core.settings import problem

SETTINGS = replace(EXACT["alphaedit"], l2=0.1, kept_fraction=0.5)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_edit_reads_nothing_in_the_directions_that_are_not_kept(family, facts):
    model = tiny_model(family, torch.float32)
    (written,) = alphaedit(model, facts[:2], [LAYER], SETTINGS)
    moment = second_moment(model, LAYER).double()
    vectors = torch.linalg.eigh(moment).eigenvectors
    half = len(moment) // 2
    read = written.edit.delta.double() @ vectors
    assert read[:, half:].norm() <= 1e-5 * read.norm()
    assert read[:, :half].norm() >= 0.99 * read.norm()


def test_earlier_edits_keys_are_kept_off(facts):
    model = tiny_model("llama", torch.float32)
    (earlier,) = emmet(model, facts[:2], [LAYER], EXACT["emmet"])
    settings = replace(SETTINGS, l2=1e-6)
    (kept_off,) = alphaedit(model, [facts[2]], [LAYER], settings, [earlier.edit])
    (elsewhere,) = alphaedit(model, [facts[2]], [LAYER], settings, [replace(earlier.edit, keys=None)])
    moved = kept_off.edit.change(earlier.edit.keys).norm()
    assert moved <= 1e-3 * elsewhere.edit.change(earlier.edit.keys).norm()
    assert kept_off.target_errors[0] <= 1e-3  # and the new fact is written all the same


def test_earlier_keys_enter_as_the_formula_says(facts):
    model = tiny_model("llama", torch.float32)
    keys, residuals, values = asked(model, facts[2:4])
    earlier, _residuals, _values = asked(model, facts[:2])
    down = model.architecture.blocks[LAYER].down
    (silent,) = emmet(model, facts[:2], [LAYER], EXACT["emmet"])  # keys without a change of the model
    base = replace(silent.edit, left=torch.zeros(2, down.d_out))
    (written,) = alphaedit(model, facts[2:4], [LAYER], SETTINGS, [base])
    assert_same(written.edit.delta, dense(model, "alphaedit", SETTINGS, keys, residuals, earlier))
    for losses, value in zip(written.losses, values, strict=True):
        assert losses == pytest.approx(value.losses, rel=1e-5)


def test_keys_at_another_layer_do_not_count(facts):
    model = tiny_model("llama", torch.float32)
    (other,) = emmet(model, facts[:2], [0], EXACT["emmet"])
    (with_keys,) = alphaedit(model, [facts[2]], [LAYER], SETTINGS, [other.edit])
    (without,) = alphaedit(model, [facts[2]], [LAYER], SETTINGS, [replace(other.edit, keys=None)])
    torch.testing.assert_close(with_keys.edit.delta, without.edit.delta, rtol=0, atol=0)


def test_the_identity_has_no_null_space():
    with pytest.raises(ValidationError) as caught:
        replace(SETTINGS, covariance="identity")
    assert problem(caught.value) == (
        "Second moment C (covariance) must be of a text for AlphaEdit: the identity has no null space"
    )


def test_directions_are_kept_by_cs_content_and_worked_out_again_where_damaged():
    model = tiny_model("llama", torch.float32)
    text = torch.randn(50, 6, generator=torch.Generator().manual_seed(0))
    moment = text.T @ text / 50
    report = Collect()
    values, vectors = directions(model, 1, moment, report=report)
    assert len(report.steps) == 1
    torch.testing.assert_close(vectors @ torch.diag(values.float()) @ vectors.T, moment)
    assert (values.diff() >= 0).all()
    (kept,) = derived_path(model, "").glob("directions-*")
    report = Collect()
    directions(model, 1, moment, report=report)
    assert report.steps == []  # read, not computed
    directions(model, 1, 2 * moment)
    assert len(list(derived_path(model, "").glob("directions-*"))) == 2
    kept.write_bytes(kept.read_bytes()[:40])
    with pytest.raises(Cancelled):
        directions(model, 1, moment, report=cancel_at(1))
    assert not kept.exists()  # removed as soon as it could not be read
    again, _vectors = directions(model, 1, moment)
    torch.testing.assert_close(again, values, rtol=0, atol=0)
