"""EasyEdit's hyper-parameter files (github.com/zjunlp/EasyEdit, hparams/): which of their fields is which setting here.

`writing` and `reading` go both ways by these tables. Nothing here needs torch.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lga_core.models.text.sources import IDENTITY, OWN_TEXT

STARTS = 5  # EasyEdit samples its prefixes from five first words, each of them equally often
REMARK = "#lga "  # begins a line that holds a setting without a field
LAST_LAYER = "v_loss_layer"
WEIGHT = ".weight"  # fine-tuning names the matrix itself


@dataclass(frozen=True, kw_only=True)
class ModelParts:
    """What such a file says of a model."""

    name: str  # as `from_pretrained` takes it
    layers: int
    d_in: int  # of the down projection
    modules: Mapping[str, tuple[str, ...]]  # field -> the module's name, {} for the layer; the first one is written
    weight_decay: float  # what an empty setting stands for in this family
    epsilon: float
    chat: bool = False  # asked in its chat template
    quantized: bool = False  # the weights here come from a quantized file, those of that name do not


def _same(value: Any) -> Any:
    return value


def _number(value: Any) -> Any:
    """A number as YAML or EasyEdit's reader takes it: 5e-1 is text to YAML 1.1. Raises ValueError."""
    if isinstance(value, str):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("no number")
    return value


@dataclass(frozen=True, kw_only=True)
class FieldLink:
    """A field of EasyEdit that is a setting here."""

    field: str
    setting: str
    empty: Callable[[ModelParts], float] | None = None  # the value that an empty setting stands for
    about: str = ""  # where that is so only about
    write: Callable[[Any], Any] = _same
    read: Callable[[Any], Any] = _number  # raises ValueError for another type
    times: str | None = None  # another field that it is multiplied by


@dataclass(frozen=True, kw_only=True)
class Format:
    """One algorithm of EasyEdit."""

    algorithm: str  # alg_name
    links: tuple[FieldLink, ...]
    ways: Mapping[str, Any]  # settings here without a field there -> what EasyEdit does
    needed: Mapping[str, Any]  # fields with another meaning of the edit if they had another value
    absent: Mapping[str, Any] = field(default_factory=dict)  # of `needed`: what EasyEdit takes where they are missing
    others: Mapping[str, Any]  # fields that EasyEdit needs and that are no setting here
    differs: tuple[str, ...] = ()  # what the fields cannot tell, in words


def _lengths(contexts: int) -> list[list[int]]:
    """The nearest number of prefixes that EasyEdit can sample, half of 5 and half of 10 tokens."""
    fives = max(round(contexts / STARTS), 1) if contexts else 0
    return [[length, STARTS * n] for length, n in ((5, fives // 2), (10, fives - fives // 2)) if n]


def _contexts(pairs: Any) -> int:
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise ValueError("no list of [tokens, prefixes]")
    return sum(STARTS * (int(_number(n)) // STARTS) for _length, n in pairs)


def _adjusted(value: Any) -> str:
    if not isinstance(value, bool):
        raise ValueError("neither true nor false")
    return OWN_TEXT if value else IDENTITY


def _bound(value: Any) -> float:
    return 0.0 if value is False else _number(value)


_SEARCH = (
    FieldLink(field="v_num_grad_steps", setting="steps"),
    FieldLink(field="v_lr", setting="learning_rate"),
    FieldLink(field="v_weight_decay", setting="weight_decay", empty=lambda parts: parts.weight_decay),
    FieldLink(field="kl_factor", setting="kl_weight"),
)
_RANK_ONE = (
    *_SEARCH,
    FieldLink(field="clamp_norm_factor", setting="norm_bound"),
    FieldLink(
        field="mom2_adjustment", setting="covariance", write=lambda covariance: covariance != IDENTITY, read=_adjusted
    ),
    FieldLink(field="context_template_length_params", setting="contexts", write=_lengths, read=_contexts),
)
_STOP = {"stop": "total", "stop_loss": 0.05}
_ALONE = {**_STOP, "ridge": 0.0}
_BATCH = {**_STOP, "contexts": 5}  # (10, 5) is written into the code of MEMIT, EMMET and AlphaEdit
_SUBJECT = {"fact_token": "subject_last"}
_RUN = {"stats_dir": "./data/stats", "device": 0}
_MOMENTS = {"mom2_dataset": "wikipedia", "mom2_n_samples": 100000, "mom2_dtype": "float32"}
_OF_BATCH = {"mom2_adjustment": True}
_MEAN_KEYS = {"original_implementation": False, "enable_prompt_keys": False, "enable_random_prefix_keys": True}
_BLOCK_BOUND = (
    "The search there is at the block's output, and its norm bound (clamp_norm_factor) a share of that; here it is at "
    "the MLP's, bounded by v0's norm{unless}."
)
_SEVERAL = "Several layers: one residual spread over them there; here {here}."
FORMATS: Mapping[str, Format] = {
    "rome": Format(
        algorithm="ROME",
        links=_RANK_ONE,
        ways=_ALONE,
        # Without these it takes the mean key in both places, which is R-ROME.
        needed={**_SUBJECT, **_MEAN_KEYS, "original_implementation": True, "enable_random_prefix_keys": False},
        absent=_MEAN_KEYS,
        others={**_RUN, **_MOMENTS},
    ),
    "r-rome": Format(
        algorithm="R-ROME",
        links=_RANK_ONE,
        ways={**_ALONE, "v0": "bare"},
        needed={**_SUBJECT, **_MEAN_KEYS},
        absent=_MEAN_KEYS,
        others={**_RUN, **_MOMENTS},
    ),
    "emmet": Format(
        algorithm="EMMET",
        links=(
            *_SEARCH,
            FieldLink(
                field="emmet_lambda",
                setting="lam",
                empty=lambda parts: parts.d_in / 99,
                about="λ is by layer here, 99 % written at a typical key; emmet_lambda is that for a C without ridge.",
                times="mom2_update_weight",
            ),
        ),
        ways={**_BATCH, "ridge": 0.0},
        needed={**_SUBJECT, "layer_selection": "all", "update_norm_lambda": 0},
        absent={"update_norm_lambda": 0},
        others={**_RUN, **_OF_BATCH, **_MOMENTS, "clamp_norm_factor": 4.0},
        differs=(_BLOCK_BOUND.format(unless=""), _SEVERAL.format(here="one after another, each with a v* of its own")),
    ),
    "memit": Format(
        algorithm="MEMIT",
        links=(
            *_SEARCH,
            FieldLink(field="clamp_norm_factor", setting="z_bound"),
            FieldLink(
                field="mom2_update_weight",
                setting="m",
                empty=lambda parts: parts.d_in / 19,
                about="m is by layer here, 95 % written at a typical key; mom2_update_weight is that for a C without "
                "ridge.",
            ),
        ),
        ways={**_BATCH, "ridge": 0.0, "several": "spread"},
        needed={**_SUBJECT, "layer_selection": "all"},
        others={**_RUN, **_OF_BATCH, **_MOMENTS},
        differs=(_BLOCK_BOUND.format(unless=", unless a residual is spread over several layers"),),
    ),
    "alphaedit": Format(
        algorithm="AlphaEdit",
        links=(
            *_SEARCH,
            FieldLink(field="clamp_norm_factor", setting="z_bound"),
            FieldLink(
                field="L2",
                setting="l2",
                empty=lambda parts: 10.0,
                about="L2 is by layer here, 95 % written at a typical key; L2 there is EasyEdit's own value.",
            ),
        ),
        ways={**_BATCH, "several": "spread"},
        needed={**_SUBJECT, "layer_selection": "all"},
        others={
            **_RUN,
            "P_loc": "./null_space_project.pt",
            **_OF_BATCH,
            "mom2_update_weight": 15000,
            **_MOMENTS,
            "nullspace_threshold": 0.02,
        },
        differs=(
            _BLOCK_BOUND.format(unless=", unless a residual is spread over several layers"),
            "P is made of the eigenvalues of C below nullspace_threshold there, of a share of the directions here: "
            "the two do not carry over, and EasyEdit's own value is written.",
        ),
    ),
    **{
        name: Format(
            algorithm="FT",
            links=(
                FieldLink(field="num_steps", setting="steps"),
                FieldLink(field="lr", setting="learning_rate"),
                FieldLink(
                    field="norm_constraint",
                    setting="epsilon",
                    empty=lambda parts: parts.epsilon,
                    write=lambda epsilon: epsilon or False,
                    read=_bound,
                ),
            ),
            ways={"stop_loss": 0.01},
            needed={"weight_decay": 0, "kl_factor": 0, "objective_optimization": objective},
            others={"device": 0, "batch_size": 1, "max_length": 40, "model_parallel": False},
        )
        for name, objective in (("ft-l", "prompt_last"), ("ft-m", "target_new"))
    },
}
"""By the editor's name here."""
