"""Batches that are cut in two where memory runs out, as often as it takes, and say so."""

import logging
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from lga_core.models.memory import out_of_memory
from lga_core.results import Progress

X = TypeVar("X")
Y = TypeVar("Y")
Steps = Generator[Progress, None, X]

_logger = logging.getLogger(__name__)
# torch has one class for cards and none for a CPU or for mps, where the words tell.
WORDS = ("out of memory", "can't allocate memory", "not enough memory")


@dataclass(kw_only=True)
class Halving:
    """Runs one batch after another, none larger than what is known to fit.

    >>> halving = Halving(what="LGA")
    >>> halving.run(lambda part: [2 * number for number in part], [1, 2, 3])
    [2, 4, 6]
    """

    what: str                                # in words, for the message
    most: float = math.inf                   # size of a batch that fits, as far as is known
    halved: int = 0                          # how often memory ran out

    def run(self, work: Callable[[Sequence[X]], Sequence[Y]], items: Sequence[X],
            size: Callable[[Sequence[X]], float] = len) -> list[Y]:
        """`work(items)`, one result an item, in as few parts as fit; `size` is what a part takes, in any unit.

        `work` must leave nothing behind when it fails. Raises LgaError where one item alone does not fit, and
        whatever else `work` raises.
        """
        steps = self.steps(in_one_step(work), items, size)
        while True:
            try:
                next(steps)
            except StopIteration as finished:
                return finished.value

    def steps(self, work: Callable[[Sequence[X]], Steps[Sequence[Y]]], items: Sequence[X],
              size: Callable[[Sequence[X]], float] = len) -> Steps[list[Y]]:
        """`run` of work that has steps of its own; says in between that batches are smaller than planned."""
        waiting, done, told = [items], [], 0
        while waiting:
            if self.halved > told:
                yield Progress(label=f"{self.what}{self.told}", done=len(done), total=len(items))
                told = self.halved
            part = waiting.pop(0)
            results = None if len(part) > 1 and size(part) > self.most else (yield from self._try(work, part, size))
            if results is None:
                half = (len(part) + 1) // 2
                waiting[:0] = [part[:half], part[half:]]
            else:
                done += results
        return done

    @property
    def told(self) -> str:
        """For a progress label: nothing, or that batches are smaller than planned."""
        return ", in smaller batches: memory ran out" if self.halved else ""

    def _try(self, work: Callable[[Sequence[X]], Steps[Sequence[Y]]], part: Sequence[X],
             size: Callable[[Sequence[X]], float]) -> Steps[list[Y] | None]:
        """None where memory ran out: the next try comes after the error, whose traceback holds all of the batch."""
        try:
            return list((yield from work(part)))
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            if len(part) == 1:
                raise out_of_memory(f"{self.what} runs out of memory with the smallest batch there is.") from error
        self.most, self.halved = size(part[:(len(part) + 1) // 2]), self.halved + 1
        _logger.warning("%s: memory ran out with a batch of %d; going on with %d at once.", self.what, len(part),
                        (len(part) + 1) // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return None


def in_one_step(work: Callable[[Sequence[X]], Sequence[Y]]) -> Callable[[Sequence[X]], Steps[Sequence[Y]]]:
    """`work` as `Halving.steps` takes it, without a step of its own."""
    def steps(part: Sequence[X]) -> Steps[Sequence[Y]]:
        yield from ()
        return work(part)

    return steps


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there was no memory left."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in WORDS))
