"""What a step will take of memory, before it starts."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes at once, about and at most. `weights` is 0 where the model is in memory already."""

    weights: int = 0
    dtype: str | None = None  # of these weights
    activations: int = 0  # of the largest batch; before loading: room to work
    second_moments: int = 0  # for the solve with C; 0 where none is needed
    to_collect: tuple[int, ...] = ()  # layers whose C is not kept yet
    where: str  # "cpu" or "cuda"
    free: int  # there

    @property
    def needed(self) -> int:
        """The weights stay; solving with C and running batches come one after the other."""
        return self.weights + max(self.activations, self.second_moments)

    @property
    def fits(self) -> bool:
        return self.needed <= self.free
