"""Several cards: which model needs them, and that matrices which lie elsewhere change no number.

No machine with two cards was at hand: here "elsewhere" is the same processor under its second name, so that every
matrix is called as one on another card would be; what is not tried is the copying itself.
"""

import numpy as np
import pytest
import torch
from accelerate.hooks import AlignDevicesHook
from conftest import tiny_model

from lga_core.editing.settings import RankOneSettings, ValueSettings
from lga_core.editing.table import editor_named
from lga_core.errors import LgaError
from lga_core.models.running.cards import compute_on, several_cards, shares
from lga_core.results import KnownFactCheck
from lga_core.scores.gradients.lga import GradientSettings, gradient_rows
from lga_core.scores.tracing.cma import CmaSettings, mlp_rows

GB = 10**9


@pytest.mark.parametrize(
    ("weights", "free", "expected"),
    [
        (20 * GB, [80 * GB, 80 * GB], None),  # one card is enough
        (70 * GB, [80 * GB, 80 * GB], {0: 48 * GB, 1: 72 * GB}),
        (70 * GB, [80 * GB, 40 * GB], {0: 48 * GB, 1: 36 * GB}),
    ],
)
def test_a_model_is_spread_only_where_one_card_is_too_small(weights, free, expected):
    assert shares("A model", weights, free) == expected


def test_cards_that_are_too_small_together_are_refused():
    with pytest.raises(LgaError, match=r"A model has 140.0 GB of weights; the 2 cards have room for 120.0 GB"):
        shares("A model", 140 * GB, [80 * GB, 80 * GB])


def test_a_card_that_was_named_is_the_only_one():
    assert several_cards("A model", 10**15, "cuda:0", torch.device("cuda", 0)) is None
    assert several_cards("A model", 10**15, "auto", torch.device("cpu")) is None


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_matrices_that_lie_elsewhere_change_no_number(family, facts):
    plain, spread = tiny_model(family), tiny_model(family)
    matrices = [matrix.module for block in spread.architecture.blocks for matrix in block.linears]
    compute_on(spread.model, torch.device("cpu", 0))  # another name than the weights' own device
    assert all(isinstance(module._hf_hook, AlignDevicesHook) for module in matrices)
    checks = [
        KnownFactCheck(record=fact.record, known=True, greedy="Rome", greedy_ids=(50, 9), probability=1.0)
        for fact in facts
    ]
    settings = RankOneSettings(covariance="identity", contexts=1, value=ValueSettings(steps=3, weight_decay=0.0))

    def everything(model):
        edit = editor_named("r-rome").run(model, facts[:1], (1,), settings, ())[0].edit
        return [
            *(row.values["product/mlp"] for row in gradient_rows(model, facts, checks, GradientSettings())),
            *(row.values["effect"] for row in mlp_rows(model, facts, checks, CmaSettings(draws=2))),
            edit.left.numpy(),
            edit.right.numpy(),
        ]

    for ours, alone in zip(everything(spread), everything(plain), strict=True):
        np.testing.assert_array_equal(ours, alone)
