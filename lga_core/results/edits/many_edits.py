"""Many edits of one model, one after another: how all of them fare every so many edits, and where that collapses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lga_core.results.base import Cost, LeftOut, Result
from lga_core.results.edits.trial import KL_BOUND

KEPT_SHARE = 0.5  # of the first rewrite: below it the edits have collapsed


@dataclass(frozen=True, kw_only=True)
class EditCheckpoint(Result):
    """The model with all edits so far; metrics teacher-forced, percent, null where nothing is asked."""

    edits: int  # facts written so far; 0: the unedited model
    rewrite: float | None  # mean over all facts written so far
    latest: float | None  # mean over those written since the checkpoint before
    rephrase: float | None  # mean over the facts written so far that have paraphrases
    locality: float | None  # mean over the run's locality probes, the same ones at every checkpoint
    n_rewrite: int  # facts; a prompt that was written twice counts once, with its last answer
    n_latest: int
    n_rephrase: int
    n_locality: int  # probes
    kl: float | None  # KL(unedited ‖ edited) of the next token, nats, mean over neutral prompts; null: not finite
    fluency: float | None  # mean over the texts after a few neutral prompts
    norm_ratios: tuple[float | None, ...]  # ‖ΣΔW‖ / ‖W‖ of each edited matrix, by layer; null: not finite, or W is 0
    edit_cost: Cost = Cost()  # of the edits since the checkpoint before
    cost: Cost = Cost()  # of these edits and of measuring


@dataclass(frozen=True, kw_only=True)
class Collapse(Result):
    """The first checkpoint at which the edits have collapsed."""

    edits: int
    before: int  # edits at the checkpoint before it: the collapse begins in between
    rewrite: float | None  # there, percent, where it fell under KEPT_SHARE of `first`; else null
    first: float | None  # rewrite at the first checkpoint with edits
    kl: float | None  # drift there, nats, where it is beyond KL_BOUND; else null
    broken: bool  # probabilities are no finite numbers any more


@dataclass(frozen=True, kw_only=True)
class ManyEdits(Result):
    """A run of many edits, complete or as far as it got."""

    editor: str
    layers: tuple[int, ...]
    settings: Mapping[str, Any]  # of the editor
    how: Mapping[str, Any]  # batches, checkpoints and probes
    planned: int  # facts to be written
    checkpoints: tuple[EditCheckpoint, ...]  # in the order of their edits
    places: tuple[int, ...] = ()  # edits of all checkpoints that there are to be; () where unknown
    left_out: LeftOut = field(default_factory=dict)  # probes over the caps of `how`, of all planned facts
    dropped_locality: int | None = None  # as of a Sweep

    @property
    def complete(self) -> bool:
        """Whether no checkpoint is missing, one in the middle neither."""
        return {*self.places, self.planned} <= {checkpoint.edits for checkpoint in self.checkpoints}

    @property
    def cost(self) -> Cost:
        return sum((checkpoint.cost for checkpoint in self.checkpoints), Cost())

    @cached_property
    def collapse(self) -> Collapse | None:
        """Where rewrite of all edits falls under KEPT_SHARE of its first value, or drift is beyond KL_BOUND; else None.

        One rule for the page, the table and the JSON.
        """
        first = next((item.rewrite for item in self.checkpoints if item.rewrite is not None), None)
        before = 0
        for item in self.checkpoints:
            lost = item.rewrite is not None and first is not None and item.rewrite < KEPT_SHARE * first
            if lost or item.kl is None or item.kl > KL_BOUND:
                return Collapse(
                    edits=item.edits,
                    before=before,
                    rewrite=item.rewrite if lost else None,
                    first=first,
                    kl=item.kl if item.kl is not None and item.kl > KL_BOUND else None,
                    broken=item.kl is None,
                )
            before = item.edits
        return None
