"""Batches that are cut in two where memory runs out, as often as it takes, and say so."""

import logging
import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from lga_core.models.running.memory import out_of_memory
from lga_core.progress import Phase, Progress, Reporter, silent

X = TypeVar("X")
Y = TypeVar("Y")

SMALLER = "in smaller batches: memory ran out"
_logger = logging.getLogger(__name__)
# torch has one class for cards and none for a CPU, where the message says so.
WORDS = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")


@dataclass(kw_only=True)
class Halving:
    """Runs one batch after another, none larger than what is known to fit.

    >>> halving = Halving(phase=Phase.LGA)
    >>> halving.run(lambda part: [2 * number for number in part], [1, 2, 3])
    [2, 4, 6]
    """

    phase: Phase  # of the work, for messages
    most: float = math.inf  # size of a batch that fits, as far as is known
    halved: int = 0  # how often memory ran out

    @property
    def detail(self) -> str:
        """For a progress message: nothing, or that batches are smaller than planned."""
        return SMALLER if self.halved else ""

    def run(
        self,
        work: Callable[[Sequence[X]], Iterable[Y]],
        items: Sequence[X],
        size: Callable[[Sequence[X]], float] = len,
        *,
        report: Reporter = silent,
    ) -> list[Y]:
        """`work(items)`, one result an item, in as few parts as fit; `size` is what a part takes, in any unit.

        `work` must leave nothing open when it fails. Reports each time that memory ran out. Raises LgaError where
        one item alone does not fit, and whatever else `work` or the reporter raises.
        """
        return list(self.each(lambda part: list(work(part)), items, size, report=report))

    def each(
        self,
        work: Callable[[Sequence[X]], Iterable[Y]],
        items: Sequence[X],
        size: Callable[[Sequence[X]], float] = len,
        *,
        report: Reporter = silent,
    ) -> Iterator[Y]:
        """`run` of work that has any number of results, each handed on as soon as it is there.

        Where memory runs out after some of them, `work` is called with both halves all the same: it must know what
        it had finished.
        """
        waiting = [items]
        while waiting:
            part = waiting.pop(0)
            if len(part) <= 1 or size(part) <= self.most:
                finished = yield from self._try(work, part, size)
                if finished:
                    continue
                left = len(part) + sum(map(len, waiting))
                report(Progress(phase=self.phase, done=len(items) - left, total=len(items), detail=SMALLER))
            half = _half(part)
            waiting[:0] = [part[:half], part[half:]]

    def _try(
        self, work: Callable[[Sequence[X]], Iterable[Y]], part: Sequence[X], size: Callable[[Sequence[X]], float]
    ) -> Generator[Y, None, bool]:
        """The results, and whether memory was enough. The next try comes after the error, which holds the batch."""
        try:
            yield from work(part)
            return True
        except (RuntimeError, MemoryError) as error:
            if not ran_out(error):
                raise
            if len(part) == 1:
                raise out_of_memory(
                    f"{self.phase.value} runs out of memory with the smallest batch there is."
                ) from error
        self.halved += 1
        self.most = size(part[: _half(part)])
        _logger.warning(
            "%s: memory ran out with a batch of %d; going on with %d at once.", self.phase.value, len(part), _half(part)
        )
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        return False


def _half(part: Sequence) -> int:
    return (len(part) + 1) // 2


def lost_device(error: BaseException) -> bool:
    """Whether an error leaves a card unusable for this process: a failed assertion or access in one of its kernels."""
    return isinstance(error, torch.AcceleratorError) and not ran_out(error)


def ran_out(error: BaseException) -> bool:
    """Whether an error says that there was no memory left."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in WORDS)
    )
