"""The settings of every measurement, and the versions of numbers that are no score. This module needs no torch.

A change of numbers needs a new version: it is a part of the stored answer's key. Those of scores are in `methods`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar

from pydantic.dataclasses import dataclass

from lga_core.data.answers import is_one_of
from lga_core.data.facts import Fact
from lga_core.editing.settings import MOST_SEED, MOST_TOKENS, MomentSource, RankOneSettings
from lga_core.probes.questions import asks_own_answer, left_out
from lga_core.progress import Phase
from lga_core.results import Kind, LeftOut, Loss, OldSource
from lga_core.settings import Settings, setting

KNOWN_FACTS_VERSION = 1
CMA_VERSION = 1
TOKEN_ATTRIBUTION_VERSION = 1
# Part of the keys of scores of two answers where a fact's new answer is an accepted old one but not the first, and of
# no other. 1, which no key names: such a fact was scored.
ACCEPTED_OLD_VERSION = 2

TOKEN_ATTRIBUTION_STEPS = 64  # Gauss-Legendre points; fewer leave out too much (token_attribution.py)
TRACE_PHASES: Mapping[Kind, Phase] = {"mlp": Phase.CMA_MLP, "hidden": Phase.CMA_HIDDEN, "attn": Phase.CMA_ATTENTION}
_EDITOR = RankOneSettings()


def takes_own_answer(fact: Fact, old: OldSource) -> bool:
    """Whether a fact's old answer is the model's own: always, or where the data has none."""
    return old == "model" or not fact.target_old


@dataclass(frozen=True, kw_only=True)
class MeasurementSettings(Settings):
    """Settings of any measurement."""

    OF_EDITOR: ClassVar[tuple[str, ...]] = ()  # those that are the editor's, whatever the question says

    @classmethod
    def given(cls, question: Mapping[str, Any], editor: Any = None) -> dict[str, Any]:
        """Those of these settings that a question gives, and those that its editor does.

        `editor`: the settings of the editor whose layer is asked for; None for the defaults.
        """
        own = [item.name for item in fields(cls) if item.name not in cls.OF_EDITOR]
        return {
            **{name: question[name] for name in own if name in question},
            **{name: getattr(editor, name) for name in cls.OF_EDITOR if hasattr(editor, name)},
        }

    def reads_own_tokens(self, fact: Fact) -> bool:
        """Whether this fact's measurement needs the tokens that the model wrote when it was checked."""
        return False

    def own_answers(self, facts: Sequence[Fact]) -> bool:
        """Whether the numbers of these facts depend on tokens that the model itself wrote."""
        return False

    def accepted_old(self, facts: Sequence[Fact]) -> bool:
        """Whether a fact is left out because its new answer is an accepted old one but not the first."""
        return False


@dataclass(frozen=True, kw_only=True)
class OldAnswerSettings(MeasurementSettings):
    """Settings of a measurement that reads the old answer."""

    old: OldSource = setting(
        "data", "Old answer", "The data's, and where it has none the model's own; or always the model's own."
    )

    def reads_own_tokens(self, fact: Fact) -> bool:
        return takes_own_answer(fact, self.old)

    def own_answers(self, facts: Sequence[Fact]) -> bool:
        return any(map(self.reads_own_tokens, facts))


@dataclass(frozen=True, kw_only=True)
class TwoAnswersSettings(OldAnswerSettings):
    """Settings of a measurement that compares the old answer with the new one."""

    def accepted_old(self, facts: Sequence[Fact]) -> bool:
        asked = [fact for fact in facts if fact.target_new and not takes_own_answer(fact, self.old)]
        return any(
            is_one_of(fact.target_new, fact.target_old[1:]) and not is_one_of(fact.target_new, fact.target_old[:1])
            for fact in asked
        )


@dataclass(frozen=True, kw_only=True)
class GradientSettings(TwoAnswersSettings):
    """Settings of LGA's gradient products and norms."""

    loss: Loss = setting(
        "sequence",
        "Loss",
        "Mean over the tokens of prompt and answer, or over the answer's tokens alone.",
        source="LGA",
    )


@dataclass(frozen=True, kw_only=True)
class GradxactSettings(OldAnswerSettings):
    """Settings of gradient × activation."""


@dataclass(frozen=True, kw_only=True)
class HiddenDistanceSettings(TwoAnswersSettings):
    """Settings of the hidden-state distance."""


@dataclass(frozen=True, kw_only=True)
class IgSettings(OldAnswerSettings):
    """Settings of integrated gradients.

    What the steps leave out is measured and stored for every layer ("gap" of `attribution.ig_rows`).
    """

    steps: int = setting(8, "Steps", "Gauss-Legendre points between the baseline and the prompt.", ge=1, le=1024)


@dataclass(frozen=True, kw_only=True)
class CmaSettings(MeasurementSettings):
    """Settings of the causal trace."""

    window: int | None = setting(
        None,
        "Window",
        "Layers whose MLP or attention is restored together.",
        source="ROME: 10 of 48",
        ge=1,
        none_means="10 of 48 layers, scaled to the depth",
    )
    draws: int = setting(10, "Draws", "Of the noise, the same for every restored state.", source="ROME", ge=1, le=1000)
    noise: float = setting(
        3.0, "Noise", "In standard deviations of the subject tokens' embeddings.", source="ROME", gt=0
    )
    seed: int = setting(0, "Seed", "Of the noise.")

    def reads_own_tokens(self, fact: Fact) -> bool:
        return len(fact.target_old) > 1  # to know which of the accepted answers the model gives


@dataclass(frozen=True, kw_only=True)
class ForecastSettings(MeasurementSettings):
    """Settings of the forecast. Those of C are the editor's, whose edit is forecast; by default R-ROME's.

    The seed is one of them: a question's seed changes neither the text that C is from nor any other number here.
    """

    OF_EDITOR: ClassVar[tuple[str, ...]] = ("covariance", "tokens_per_input", "ridge", "seed")

    covariance: MomentSource = setting(_EDITOR.covariance, "Second moment C", "As of the editor.")
    tokens_per_input: int = setting(
        _EDITOR.tokens_per_input,
        "Text for C",
        "Tokens of text for each input dimension of the layer.",
        ge=_EDITOR.tokens_per_input,
        le=MOST_TOKENS,
    )
    ridge: float = setting(_EDITOR.ridge, "Ridge", "Added to C, as a share of the mean of its diagonal.", ge=0)
    seed: int = setting(_EDITOR.seed, "Seed", "For the text that C is from.", ge=0, le=MOST_SEED)
    probes: int = setting(2, "Probes", "Of each group, at most; the first ones of a fact.", ge=1)
    portability: bool = setting(False, "Portability", "Measure the portability probes too.")

    def own_answers(self, facts: Sequence[Fact]) -> bool:
        return any(asks_own_answer(fact, self.probes) for fact in facts)

    def left_out(self, facts: Sequence[Fact]) -> LeftOut:
        """The probes over the cap that are not measured."""
        over = left_out([fact for fact in facts if fact.target_new is not None], self.probes)
        return {name: groups for name, groups in over.items() if self.portability or name != "portability"}

    @property
    def editor(self) -> RankOneSettings:
        """The editor whose C this is."""
        return RankOneSettings(
            covariance=self.covariance, tokens_per_input=self.tokens_per_input, ridge=self.ridge, seed=self.seed
        )
