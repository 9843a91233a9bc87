"""Linear layers on few rows: the numbers and gradients of torch's own, from the same weights."""

import copy

import pytest
import torch
from conftest import tiny_model
from torch import nn

from lga_core.models.structure import few_rows
from lga_core.models.structure.few_rows import INTEL, OTHERS, FewRowsLinear, prefer_few_rows


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("few", [INTEL, OTHERS])
@pytest.mark.parametrize("shape", [(1, 1), (2, 1), (2, 3), (1, 8), (9, 1), (7, 9), (1, 64)])
def test_it_computes_and_differentiates_what_torch_does(shape, few, bias, monkeypatch):
    monkeypatch.setattr(few_rows, "rows_of_this_processor", lambda: few)
    torch.manual_seed(0)
    plain = nn.Linear(24, 40, bias=bias)
    ours = copy.deepcopy(plain)
    prefer_few_rows(ours)
    assert type(ours) is FewRowsLinear and ours.few == few
    given = torch.randn(*shape, 24, requires_grad=True)
    gradient = torch.randn(*shape, 40)
    expected, found = plain(given), ours(given)
    assert found.shape == expected.shape and found.is_contiguous()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(
        torch.autograd.grad(found, [given, *ours.parameters()], gradient),
        torch.autograd.grad(expected, [given, *plain.parameters()], gradient),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_a_model_keeps_its_weights_and_its_logits():
    model = tiny_model("llama", torch.float32).model
    before = {name: tensor.data_ptr() for name, tensor in model.state_dict().items()}
    ids = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
    with torch.no_grad():
        expected = model(input_ids=ids).logits
        prefer_few_rows(model)
        torch.testing.assert_close(model(input_ids=ids).logits, expected, rtol=1e-5, atol=1e-5)
    assert type(model.lm_head) is FewRowsLinear
    assert {name: tensor.data_ptr() for name, tensor in model.state_dict().items()} == before


def test_other_precisions_stay_as_they_are():
    model = tiny_model("llama", torch.bfloat16).model
    prefer_few_rows(model)
    assert not any(type(module) is FewRowsLinear for module in model.modules())


@pytest.mark.parametrize(("maker", "rows"), [("GenuineIntel", INTEL), ("AuthenticAMD", OTHERS), (None, OTHERS)])
def test_the_rows_are_those_of_the_processors_maker(maker, rows, tmp_path, monkeypatch):
    file = tmp_path / "cpuinfo"
    if maker:
        file.write_text(f"processor\t: 0\nvendor_id\t: {maker}\n")
    monkeypatch.setattr(few_rows, "PROCESSORS", file)
    assert few_rows.rows_of_this_processor() == rows
