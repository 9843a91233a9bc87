"""What a step will take of memory, time and disk, before it starts."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Bytes at once, about and at most. `weights` is 0 where the model is in memory already."""

    weights: int = 0
    dtype: str | None = None  # of these weights
    activations: int = 0  # of the largest batch; before loading: room to work
    second_moments: int = 0  # what a C is solved with
    where: str  # "cpu" or "cuda"
    free: int  # there

    @property
    def needed(self) -> int:
        """The weights stay; solving with C and running batches come one after the other."""
        return self.weights + max(self.activations, self.second_moments)

    @property
    def fits(self) -> bool:
        return self.needed <= self.free


@dataclass(frozen=True, kw_only=True)
class MomentPlan:
    """Which second moments of the layers that are asked for are kept already, and what the others will take."""

    layers: tuple[int, ...]  # asked for
    kept: tuple[int, ...]  # of these, on disk already
    filled: tuple[int, ...]  # will be computed; small models get every layer in the same pass
    passes: int  # over the text
    tokens: int  # of text for a layer, the most over the layers
    tokens_to_write: int  # by the model itself, before it can read them
    tokens_to_read: int  # over all passes that are left
    disk_bytes: int  # that will be added
    memory_bytes: int  # at once, beside the model
    seconds: float | None  # None: this model's speed has not been measured here

    @property
    def ready(self) -> bool:
        """Whether nothing has to be computed."""
        return not self.filled
