"""How far long work is: a function that takes long is given a reporter and calls it after each step.

A reporter is called where no hook, edit, gradient flag or lock is held. It may raise `Cancelled` (or anything else):
that ends the work there, with what was finished kept. It may also wait: other work can use the model meanwhile.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum


class Phase(StrEnum):
    """What is being done; the value is what a person reads."""

    FETCH = "Fetching the model"
    CONVERT = "Converting the model"
    CHECK_FILES = "Checking the files"
    LOAD = "Loading the model"
    KNOWN_FACTS = "Known-fact check"
    LGA = "LGA"
    CMA_MLP = "CMA, MLP"
    CMA_HIDDEN = "CMA, hidden state"
    CMA_ATTENTION = "CMA, attention"
    GRADIENT_ACTIVATION = "Gradient × activation"
    INTEGRATED_GRADIENTS = "Integrated gradients"
    FORECAST = "Forecast"
    HIDDEN_DISTANCE = "Hidden-state distance"
    TOKEN_ATTRIBUTION = "Token attribution"
    OWN_TEXT = "Sampling the model’s own text"
    READ_TEXT = "Reading the text"
    SECOND_MOMENTS = "Second moments"
    SPEED = "Measuring the speed"
    EDIT = "Editing"
    PROBES = "Asking the probes"
    DRIFT = "Drift on neutral prompts"
    FLUENCY = "Continuations for fluency"
    SWEEP = "Sweep"
    RACE = "Race"
    MANY_EDITS = "Many edits"
    GENERATE = "Writing"
    EDIT_SET = "Reading the edit set"
    EXPORT = "Writing the edited model"
    ADAPTER = "Writing the adapter"
    PUBLISH = "Publishing"
    ELSEWHERE = "Waiting for what is computed elsewhere already"


IN_BYTES = frozenset({Phase.FETCH, Phase.CHECK_FILES})  # their steps; a total of 1 is no size: it is not known yet

_FACTS = (
    Phase.KNOWN_FACTS,
    Phase.LGA,
    Phase.CMA_MLP,
    Phase.CMA_HIDDEN,
    Phase.CMA_ATTENTION,
    Phase.GRADIENT_ACTIVATION,
    Phase.INTEGRATED_GRADIENTS,
    Phase.FORECAST,
    Phase.HIDDEN_DISTANCE,
)
_EDITS = (Phase.SWEEP, Phase.RACE, Phase.MANY_EDITS)
UNITS: Mapping[Phase, str] = {**dict.fromkeys(_FACTS, "fact"), **dict.fromkeys(_EDITS, "edit")}
STATE = "state"  # what is counted inside of one fact's trace: states that are restored


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One finished step."""

    phase: Phase
    done: int
    total: int
    detail: str = ""  # "layer 11", "in smaller batches: memory ran out", …
    unit: str = ""  # one of what `done` and `total` count, where it is not what the phase's steps mostly are

    @property
    def counted(self) -> str:
        """One of what `done` and `total` count; "" where it has no name."""
        return self.unit or UNITS.get(self.phase, "")


Reporter = Callable[[Progress], None]


class Silent:
    """The reporter that tells nobody."""

    def __call__(self, progress: Progress) -> None:
        pass


silent = Silent()


def counted_on(report: Reporter, phase: Phase, before: int, total: int | None = None) -> Reporter:
    """A reporter that counts this phase's steps on from `before`, as steps of `total` where that is not their own."""

    def report_counted(step: Progress) -> None:
        if step.phase is phase:
            step = replace(step, done=before + step.done, total=step.total if total is None else total)
        report(step)

    return report_counted


class Cancelled(Exception):
    """Raised by a reporter to end the work; what was finished is kept."""
