"""Edits of one matrix as one edit."""

import torch

from lga_core.editing.edits import DenseEdit, LowRankEdit, by_matrix, summed


def low_rank(layer, rank):
    return LowRankEdit(layer=layer, matrix=f"down.{layer}", left=torch.randn(rank, 3), right=torch.randn(rank, 4))


def test_the_sum_of_edits_is_what_they_do_together():
    torch.manual_seed(0)
    first, second, other = low_rank(2, 1), low_rank(2, 3), low_rank(1, 2)
    dense = DenseEdit(layer=1, matrix="down.1", delta=torch.randn(3, 4))
    below, above = summed([first, other, second, dense])
    assert (below.layer, above.layer) == (1, 2) and isinstance(below, DenseEdit) and isinstance(above, LowRankEdit)
    torch.testing.assert_close(above.delta, first.delta + second.delta)
    torch.testing.assert_close(below.delta, other.delta + dense.delta)
    inputs = torch.randn(5, 4)
    torch.testing.assert_close(above.change(inputs), first.change(inputs) + second.change(inputs))
    assert by_matrix([first, other, second]) == {"down.2": [first, second], "down.1": [other]}
    assert summed([]) == ()
