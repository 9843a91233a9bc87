"""The only way to touch a module while the model runs: context managers that remove their hooks whatever happens."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

OutputFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor | None]
"""(input, output) -> the output to go on with, or None to leave it."""


@contextmanager
def on_outputs(
    functions: Mapping[nn.Module, OutputFunction], flat: Mapping[nn.Module, nn.Module] = MappingProxyType({})
) -> Iterator[None]:
    """Call a function with each module's first input and its output tensor; what it returns replaces the output.

    Modules that return a tuple (attention) are seen through their first element. `flat` lists modules that work on
    (B·T, d), each with a module around it that is given (B, T, d) (`Architecture.flat`): a function sees (B, T, d).
    """
    shapes: dict[nn.Module, torch.Size] = {}  # of the batch that runs now, by the module around

    def note_shape(around: nn.Module, args: tuple, kwargs: dict) -> None:
        shapes[around] = first_tensor(args, kwargs).shape[:2]

    def hook(module: nn.Module, args: tuple, kwargs: dict, output: Any) -> Any:
        given = first_tensor(args, kwargs)
        tensor = output[0] if isinstance(output, tuple) else output
        if module not in flat:
            changed = functions[module](given, tensor)
        else:
            shape = shapes[flat[module]]
            given = given.unflatten(0, shape)  # (B·T, d) -> (B, T, d)
            tensor = tensor.unflatten(0, shape)
            changed = functions[module](given, tensor)
            # Handed on even where it is unchanged: gradients must pass through the tensor that the function saw.
            changed = (tensor if changed is None else changed).flatten(0, 1)  # (B·T, d)
        if changed is None:
            return None
        return (changed, *output[1:]) if isinstance(output, tuple) else changed

    with ExitStack() as hooks:
        for around in {flat[module] for module in functions if module in flat}:
            hooks.enter_context(around.register_forward_pre_hook(note_shape, with_kwargs=True))
        for module in functions:
            hooks.enter_context(module.register_forward_hook(hook, with_kwargs=True))
        yield


def first_tensor(args: tuple, kwargs: Mapping[str, Any]) -> torch.Tensor | None:
    """A module's input: its first argument that is a tensor."""
    return next((value for value in (*args, *kwargs.values()) if torch.is_tensor(value)), None)


@contextmanager
def on_calls(function: Callable[[nn.Module, tuple, dict], None], modules: tuple[nn.Module, ...]) -> Iterator[None]:
    """Call `function(module, args, kwargs)` before each of the modules runs."""
    with ExitStack() as hooks:
        for module in modules:
            hooks.enter_context(module.register_forward_pre_hook(function, with_kwargs=True))
        yield
