"""Batches by what they take: as many items together as fit in so many tokens, pads counted."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

X = TypeVar("X")
Size = Callable[[Sequence[X]], float]
"""What a batch takes, in any unit: the same function that `Halving.run` is given."""


def padded(width: Callable[[Any], int] = len, rows: int = 1) -> Size[Any]:
    """The tokens of a batch after padding, of items with so many rows each; `width` is the longest row of an item.

    >>> padded()(["ab", "abcd"])
    8
    """
    return lambda batch: rows * len(batch) * max(map(width, batch))


def by_tokens(
    items: Iterable[X], size: Size[X], most: float, *, order: Callable[[X], Any] | None = None
) -> Iterator[list[X]]:
    """Batches of at most `most` by `size`, filled one after the other; a larger item is a batch of its own.

    `order` sorts the items first (the width: rows of like length together). Without it their order is kept, and items
    are taken only as batches are asked for.

    >>> list(by_tokens(["abc", "a", "ab", "abcdefgh"], padded(), 6, order=len))
    [['a', 'ab'], ['abc'], ['abcdefgh']]
    """
    batch: list[X] = []
    for item in items if order is None else sorted(items, key=order):
        if batch and size([*batch, item]) > most:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
