"""The settings of every editor. This module needs no torch: the dashboard's forms are made from it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, field_validator, model_validator
from pydantic.dataclasses import dataclass

from lga_core.models.text.sources import IDENTITY, OWN_TEXT, TOKENS_PER_INPUT, source_problem
from lga_core.settings import Settings, setting

MOST_STEPS = 10**5  # bounds far beyond any use: a form and a file hold such numbers exactly
MOST_CONTEXTS = 10**4
MOST_TOKENS = 10**6
MOST_SEED = 2**53 - 1


def _checked_source(name: str) -> str:
    if problem := source_problem(name):
        raise ValueError(problem)
    return name


MomentSource = Annotated[str, AfterValidator(_checked_source)]
"""What a second moment is measured over: own-text, file:PATH, hub:owner/name, or identity."""


@dataclass(frozen=True, kw_only=True)
class ValueSettings(Settings):
    """How δ is searched for (METHOD.md §4)."""

    learning_rate: float = setting(
        0.5, "Learning rate", "Of Adam, in the search for v*.", source="ROME and EasyEdit: v_lr", gt=0
    )
    steps: int = setting(
        25,
        "Steps, at most",
        "Evaluations of the loss. δ is not changed after the last: 25 evaluations are at most 24 updates.",
        source="EasyEdit: v_num_grad_steps of Llama-2 and later models; ROME and EasyEdit have 20 for GPT-2 XL",
        ge=1,
        le=MOST_STEPS,
    )
    stop: Literal["total", "nll"] = setting(
        "total",
        "Stop on",
        "Which loss ends the search: the total one (nll + KL + weight decay) or the new answer's nll alone.",
        source="the code of ROME and EasyEdit (compute_v: if loss < 5e-2)",
    )
    stop_loss: float = setting(
        0.05,
        "Stop below, nats",
        "The search ends as soon as that loss is smaller.",
        source="the code of ROME and EasyEdit (compute_v: if loss < 5e-2)",
        ge=0,
    )
    kl_weight: float = setting(
        0.0625,
        "KL weight",
        "How firmly “{subject} is a” is held where it was.",
        source="ROME and EasyEdit: kl_factor",
        ge=0,
    )
    weight_decay: float | None = setting(
        None,
        "Weight decay",
        "Of ‖δ‖/‖v0‖² in the loss. Empty: 0.5 for the GPT-2 family, 0.001 for all others.",
        source="v_weight_decay of ROME for GPT-2 XL, and of EasyEdit for Llama-2; for Gemma ours",
        ge=0,
        none_means="by family",
    )
    norm_bound: float = setting(
        4.0,
        "Norm bound",
        "‖δ‖ is at most this many times ‖v0‖.",
        source="ROME and EasyEdit: clamp_norm_factor",
        gt=0,
    )

    @model_validator(mode="before")
    @classmethod
    def _as_recorded_earlier(cls, given: Any) -> Any:
        """Stored runs and edit sets of earlier versions: the stop was on the nll, and its bound named for that."""
        if not isinstance(given, Mapping) or "stop_nll" not in given:
            return given
        others = {name: value for name, value in given.items() if name != "stop_nll"}
        return {**others, "stop": "nll", "stop_loss": given["stop_nll"]}


@dataclass(frozen=True, kw_only=True)
class KeyValueSettings(Settings):
    """Settings of every editor that writes a v* at a key."""

    value: ValueSettings = setting(ValueSettings, "The search for v*")
    contexts: int = setting(
        4, "Contexts", "Sampled prefixes beside the bare prompt.", source="ours; ROME uses 20", ge=0, le=MOST_CONTEXTS
    )
    covariance: MomentSource = setting(
        OWN_TEXT,
        "Second moment C",
        "Of the keys, over own-text, file:PATH or hub:owner/name[:config[:split]]; or identity.",
        source="ours; ROME uses Wikipedia",
    )
    tokens_per_input: int = setting(
        TOKENS_PER_INPUT,
        "Text for C",
        "Tokens of text for each input dimension of the layer.",
        source="ours",
        ge=TOKENS_PER_INPUT,
        le=MOST_TOKENS,
    )
    seed: int = setting(0, "Seed", "For everything drawn at random.", ge=0, le=MOST_SEED)


@dataclass(frozen=True, kw_only=True)
class RankOneSettings(KeyValueSettings):
    """Settings of ROME; all others that solve with C⁻¹ have these too."""

    ridge: float = setting(
        1e-2, "Ridge", "Added to C, as a share of the mean of its diagonal.", source="ours; ROME has none", ge=0
    )


@dataclass(frozen=True, kw_only=True)
class RRomeSettings(RankOneSettings):
    """Settings of R-ROME."""

    v0: Literal["mean", "bare"] = setting(
        "mean",
        "v0",
        "Where δ starts: the output's mean over contexts, as the key is, or the bare prompt's output.",
        source="ours: consistent with the mean key; the code of R-ROME and EasyEdit takes the bare prompt's "
        "(5 to 18 % apart in ΔW)",
    )


@dataclass(frozen=True, kw_only=True)
class EmmetSettings(RankOneSettings):
    """How EMMET writes."""

    lam: float | None = setting(
        None,
        "λ",
        "A key gets kᵀC⁻¹k / (kᵀC⁻¹k + λ) of its residual; 0 writes every fact exactly. Empty: "
        "λ = E[kᵀC⁻¹k] / 99 writes 99 % at a typical key, E over the text of C (d_in without a ridge).",
        source="ours: subjects' keys were seen at 0.43 to 15 times E, 97 % and more; EMMET's own constraint is 0",
        ge=0,
        none_means="by layer: 99 % written",
    )


@dataclass(frozen=True, kw_only=True)
class SpreadSettings(KeyValueSettings):
    """Settings of an editor that can spread one residual over several layers."""

    several: Literal["spread", "each"] = setting(
        "spread",
        "Several layers",
        "Spread one residual over the layers, or search a v* at each, one after another.",
        source="MEMIT",
    )
    z_bound: float = setting(
        0.75,
        "Norm bound of z",
        "Where a residual is spread: ‖δ‖ is at most this many times the norm of the last block's output.",
        source="MEMIT",
        gt=0,
    )


@dataclass(frozen=True, kw_only=True)
class MemitSettings(SpreadSettings, RankOneSettings):
    """How MEMIT writes."""

    m: float | None = setting(
        None,
        "m",
        "Weight of C, what is stored already: a key gets kᵀC⁻¹k / (kᵀC⁻¹k + m) of its residual. Empty: "
        "m = E[kᵀC⁻¹k] / 19 writes 95 % at a typical key, E over the text of C (d_in without a ridge).",
        source="ours: subjects' keys were seen at 0.43 to 15 times E, 89 % and more; MEMIT uses 15000 over five layers",
        ge=0,
        none_means="by layer: 95 % written",
    )


@dataclass(frozen=True, kw_only=True)
class AlphaEditSettings(SpreadSettings):
    """How AlphaEdit writes."""

    kept_fraction: float = setting(
        0.75,
        "Kept directions, share",
        "Of C's directions, those with the smallest eigenvalues, in which an edit may lie; 1 leaves C out.",
        source="ours: from 0.25 to 0.9 facts were rewritten alike on both shipped models; "
        "AlphaEdit keeps eigenvalues below 0.02, which does not carry between layers",
        gt=0,
        le=1,
    )
    l2: float | None = setting(
        None,
        "L2",
        "A key gets kᵀPk / (kᵀPk + L2) of its residual. Empty: L2 = E[kᵀPk] / 19 writes 95 % at a typical "
        "key, E over the text of C: the sum of the kept eigenvalues.",
        source="ours: subjects' keys were seen at 0.37 to 3.4 times E, 87 % and more; AlphaEdit uses 10",
        ge=0,
        none_means="by layer: 95 % written",
    )

    @field_validator("covariance")
    @classmethod
    def _of_a_text(cls, covariance: str) -> str:
        if covariance == IDENTITY:
            raise ValueError("must be of a text for AlphaEdit: the identity has no null space")
        return covariance


@dataclass(frozen=True, kw_only=True)
class FineTuningSettings(Settings):
    """How ΔW is trained (METHOD.md §4)."""

    learning_rate: float = setting(
        5e-4, "Learning rate", "Of Adam, on the weights of the down projection.", source="ROME, EasyEdit", gt=0
    )
    steps: int = setting(25, "Steps, at most", source="ROME, EasyEdit", ge=1, le=MOST_STEPS)
    stop_loss: float = setting(1e-2, "Stop at loss, nats", "Mean over the facts.", source="ROME, EasyEdit", ge=0)
    epsilon: float | None = setting(
        None,
        "Bound ε",
        "No weight moves further than this. Empty: 5e-4 for GPT-2, 5e-5 for GPT-J, no bound for others; 0: no bound.",
        source="ROME, EasyEdit: norm_constraint of gpt2-xl, gpt-j-6B; false for others",
        ge=0,
        none_means="by family",
    )
