"""Reporters for tests, and the check that nothing is left open wherever a reporter is called.

The check runs in every test, for every loaded model that is alive: `conftest` puts it into the silent reporter, which
is the default everywhere, and `Collect` makes it too.
"""

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
import torch
from torch import nn

from lga_core.models.loaded import LoadedModel
from lga_core.progress import Cancelled, Phase, Progress, Silent

X = TypeVar("X")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@dataclass(frozen=True)
class Loaded:
    """What is remembered of a model as it was loaded.

    Its modules' hooks and weights too, where they keep them: finding these places takes longer than looking at them.
    """

    padding_side: str
    hooks: tuple[tuple[nn.Module, dict[int, Callable]], ...]
    weights: tuple[tuple[nn.Module, dict[str, nn.Parameter | None]], ...]

    @classmethod
    def of(cls, model: LoadedModel) -> "Loaded":
        modules = tuple(model.model.modules())
        return cls(
            model.tokenizer.padding_side,
            tuple((module, vars(module)[kind]) for module in modules for kind in HOOKS),
            tuple((module, vars(module)["_parameters"]) for module in modules),
        )


_alive: "weakref.WeakKeyDictionary[LoadedModel, Loaded]" = weakref.WeakKeyDictionary()


@dataclass
class Collect:
    """Keeps every step: `report = Collect(); work(…, report=report); report.steps`."""

    look: Callable[[Progress], None] = lambda step: None  # called with each step as it comes
    steps: list[Progress] = field(default_factory=list)

    def __call__(self, step: Progress) -> None:
        assert_nothing_open(f"{step.phase.value} {step.done}/{step.total} {step.detail}")
        self.steps.append(step)
        self.look(step)


def cancel_at(number: int, phase: Phase | None = None) -> Collect:
    """A reporter that cancels at the step of that number, from 1 on, among all steps or those of one phase."""

    def look(_step: Progress) -> None:
        if sum(phase in (None, step.phase) for step in report.steps) == number:
            raise Cancelled

    report = Collect(look)
    return report


def checked(rows: Iterable[X]) -> Iterator[X]:
    """The same rows; nothing may be open where one is handed out either."""
    for number, row in enumerate(rows):
        assert_nothing_open(f"row {number}")
        yield row


def assert_nothing_open(when: str) -> None:
    """No lock, hook, edit, gradient or gradient mode, and no changed padding, in any model that is alive.

    A model that another thread holds just now is passed over: what is open there is that thread's.
    """
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled(), f"{when}: the gradient mode has changed"
    for model, loaded in list(_alive.items()):
        assert not _holds(model), f"{when}: the model is held"
        if model.lock.acquire(blocking=False):
            try:
                _assert_untouched(model, loaded, when)
            finally:
                model.lock.release()


def _holds(model: LoadedModel) -> bool:
    """Whether this thread has the model's lock."""
    try:
        threading.Condition(model.lock).notify(0)  # refused without the lock
    except RuntimeError:
        return False
    return True


def _assert_untouched(model: LoadedModel, loaded: Loaded, when: str) -> None:
    for module, hooks in loaded.hooks:
        if hooks:
            assert not any(map(_is_ours, hooks.values())), f"{when}: a hook or an edit is left on {module}"
    for module, weights in loaded.weights:
        for name, weight in weights.items():
            if weight is not None and (weight.requires_grad or weight.grad is not None):
                raise AssertionError(f"{when}: {name} of {module} has a gradient")
    assert not model.model.training, f"{when}: the model is in training mode"
    assert model.tokenizer.padding_side == loaded.padding_side, f"{when}: the padding side has changed"


def _is_ours(hook: Callable) -> bool:
    """Whether the project put it there, and not a test that counts calls or a library that places weights."""
    return (getattr(hook, "__module__", None) or "").startswith("lga_core")


def check_everywhere(patch: pytest.MonkeyPatch) -> None:
    """Remember every loaded model, and let the silent reporter look at them."""
    made = LoadedModel.__init__

    def remembered(loaded: LoadedModel, /, **values: object) -> None:
        made(loaded, **values)
        _alive[loaded] = Loaded.of(loaded)

    patch.setattr(LoadedModel, "__init__", remembered)
    patch.setattr(Silent, "__call__", lambda _silent, step: assert_nothing_open(f"{step.phase.value} {step.done}"))
