"""Generators of progress inside one another."""

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, TypeVar

from lga_core.results.base import Progress

X = TypeVar("X")


def retold(steps: Generator[Progress, None, X], tell: Callable[[Any], Progress]) -> Generator[Progress, None, X]:
    """The same steps, each told as `tell` says, and what they return; they are closed whatever ends this."""
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            yield tell(step)
