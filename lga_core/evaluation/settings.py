"""How edits are measured, what can be set in the playground, and the versions of both: known without a model."""

from pydantic.dataclasses import dataclass

from lga_core.results import Answers
from lga_core.settings import Settings, setting

# Part of the store's keys: a change of the numbers needs a new one.
TRIAL_VERSION = 2
DIAGNOSTICS_VERSION = 1
SWEEP_VERSION = 2
MANY_EDITS_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class MetricSettings(Settings):
    """How a trial edit is measured (METHOD.md §5). All of the fact's probes are asked."""

    answers: Answers = setting(
        "first",
        "Answer that counts",
        "Of a probe with several accepted answers, teacher-forced: the first one, or the one that scores best.",
        source="KnowEdit’s runner (EasyEdit), which scores the first; the best gave 4 to 7 points more portability "
        "on 10 WikiCounterfact records",
    )


@dataclass(frozen=True, kw_only=True)
class SweepMetrics(MetricSettings):
    """How a sweep's edits are measured."""

    probes: int | None = setting(
        10,
        "Probes a group, at most",
        "The first ones of each group of a fact are asked; what is left out is named beside the numbers. Empty: all.",
        source="ours: some records have 154 probes and most a handful",
        ge=1,
        none_means="all",
    )


@dataclass(frozen=True, kw_only=True)
class ManyEditsSettings(Settings):
    """How many edits are made and measured."""

    batch: int = setting(
        1,
        "Facts a batch",
        "Facts in one solve, on the model with all earlier edits; 1: one after another.",
        source="EasyEdit: batch_edit, sequential_edit",
        ge=1,
    )
    every: int = setting(
        25,
        "Measure every",
        "So many edits, with the batch that reaches them; also before the first and after the last one.",
        ge=1,
    )
    rephrases: int | None = setting(
        2,
        "Paraphrases a fact, at most",
        "The first ones are asked. Empty: all.",
        source="ours: CounterFact has two",
        ge=0,
        none_means="all",
    )
    locality: int = setting(
        100,
        "Locality probes, at most",
        "Of the facts to be edited, the first of each fact, then the second; fixed for the whole run, and never a "
        "prompt that is edited.",
        ge=0,
    )

    def checkpoints(self, facts: int) -> tuple[int, ...]:
        """After how many of so many facts the model is measured; 0: before the first."""
        ends = [min(first + self.batch, facts) for first in range(0, facts, self.batch)]
        starts = [0, *ends]
        reached = [end for start, end in zip(starts, ends, strict=False) if end // self.every > start // self.every]
        return tuple(sorted({0, *reached, facts}))


TRIAL_METRICS = MetricSettings()
SWEEP_METRICS = SweepMetrics()


@dataclass(frozen=True, kw_only=True)
class PlaygroundSettings(Settings):
    """How the two models write."""

    length: int = setting(40, "Tokens, at most", ge=1, le=500)
    temperature: float = setting(0.0, "Temperature", "0 takes the most probable token each time.", ge=0)
    top_k: int = setting(0, "Top k", "Sample among so many tokens only; 0: among all.", ge=0)
    seed: int = setting(0, "Seed", "The same for both models.", ge=0)
    chat: bool = setting(False, "Chat", "Put the prompt as a user's message, for models that are tuned to chat.")
