"""What every result is made of: exact JSON, the model's identity, provenance, cost, and the pointer to a stored answer.

A value that cannot be had is NaN inside an array and `null` in JSON, never 0. A single number that was measured and is
not finite, as of an edit that blew up, is "NaN" or "Infinity" in JSON and comes back as it was.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, ConfigDict, PlainSerializer, TypeAdapter

from lga_core import showing

if TYPE_CHECKING:
    import pandas as pd


def _to_array(value: Any) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)  # None becomes NaN
    array.setflags(write=False)
    return array


def _to_lists(array: np.ndarray) -> Any:
    return np.where(np.isnan(array), None, array).tolist()


Array = Annotated[np.ndarray, BeforeValidator(_to_array), PlainSerializer(_to_lists, when_used="json")]
"""A read-only float64 array; JSON nested lists with null for NaN, exact both ways."""

Kind = Literal["hidden", "mlp", "attn"]
OldSource = Literal["data", "model"]
Loss = Literal["sequence", "answer"]  # over whose tokens LGA's loss is a mean
Answers = Literal["first", "best"]
"""Which accepted answer of a probe counts in teacher-forced accuracy."""

LeftOut = Mapping[str, Mapping[str, int]]
"""Metric -> probe group -> how many probes over the cap were not asked, summed over facts."""

adapter: Callable[[Any], TypeAdapter[Any]] = functools.cache(TypeAdapter)
"""The JSON form of a type. Making one takes milliseconds: once a type, not once a row."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """Base of all results: allows arrays, and gives each class an exact JSON form."""

    __pydantic_config__ = ConfigDict(arbitrary_types_allowed=True, ser_json_inf_nan="strings")

    def to_json(self) -> str:
        return adapter(type(self)).dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str | bytes):
        return adapter(cls).validate_json(text)


@dataclass(frozen=True, kw_only=True)
class ShownResult(Result):
    """A result that a notebook shows as a figure and a table."""

    def to_frame(self, of: str | None = None) -> "pd.DataFrame":
        """The result as a table with one row a thing that was measured; None where a number cannot be had.

        `of` names one of its tables, by default the first. Raises LgaError with the names there are.
        """
        return showing.presenter().frame(self, of)

    def _repr_html_(self) -> str:
        """For IPython and Jupyter: the figure over the table."""
        return showing.presenter().page(self)


@dataclass(frozen=True, kw_only=True)
class ModelIdentity(Result):
    """Which loaded model a number is of, without the model: enough to find what the store has of it."""

    name: str  # as the user named it
    fingerprint: str  # hash of configuration, tokenizer and weights
    dtype: str  # "torch.float32"
    machine: str  # device, dtype and threads in words: "cpu, float32, 2 threads"
    layers: int
    chat: str | None = None  # key of the chat template through which it is asked; None: prompts as they are


@dataclass(frozen=True, kw_only=True)
class Provenance(Result):
    """What a number was measured with; two equal `key` fields are the same question."""

    key: str  # sha256 over everything that determines the answer
    model: str  # the name the user gave
    model_fingerprint: str
    facts: str  # name of the fact set
    facts_fingerprint: str  # of the facts asked for, in order
    method: str
    method_version: int
    settings: Mapping[str, Any]
    packages: Mapping[str, str]  # name -> version
    machine: str  # device and dtype in words: "cpu, float32, 2 threads"
    created: str  # ISO 8601, UTC
    chat: str | None = None  # key of the chat template; None: prompts as they are


@dataclass(frozen=True, kw_only=True)
class Cost(Result):
    """What a step took. Rows are sequences through the whole model (a suffix counts its share)."""

    seconds: float = 0.0
    forward_rows: float = 0.0
    backward_rows: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            seconds=self.seconds + other.seconds,
            forward_rows=self.forward_rows + other.forward_rows,
            backward_rows=self.backward_rows + other.backward_rows,
        )

    @property
    def rows(self) -> float:
        """Forward and backward together."""
        return self.forward_rows + self.backward_rows


@dataclass(frozen=True, kw_only=True)
class Stored(Result):
    """Pointer to a stored answer: shown wherever its numbers are shown."""

    provenance: Provenance
    complete: bool
    rows: int = 0
    reused: int = 0  # rows that an earlier question had already left in the store

    @property
    def from_store(self) -> bool:
        """Whether nothing had to be computed."""
        return self.complete and self.rows > 0 and self.reused == self.rows
