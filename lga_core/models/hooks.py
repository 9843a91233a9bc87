"""The only way to touch a module while the model runs: context managers that remove their hooks whatever happens."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

OutputFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor | None]
"""(input, output) -> the output to go on with, or None to leave it."""


@contextmanager
def on_outputs(functions: Mapping[nn.Module, OutputFunction]) -> Iterator[None]:
    """Call a function with each module's first input and its output tensor; what it returns replaces the output.

    Modules that return a tuple (attention) are seen through their first element.
    """

    def hook_for(function: OutputFunction) -> Callable:
        def hook(_module: nn.Module, args: tuple, kwargs: dict, output: Any) -> Any:
            given = args[0] if args else next(value for value in kwargs.values() if torch.is_tensor(value))
            tensor = output[0] if isinstance(output, tuple) else output
            changed = function(given, tensor)
            if changed is None:
                return None
            return (changed, *output[1:]) if isinstance(output, tuple) else changed
        return hook

    handles = []
    try:
        for module, function in functions.items():
            handles.append(module.register_forward_hook(hook_for(function), with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def on_calls(function: Callable[[nn.Module, tuple, dict], None], modules: tuple[nn.Module, ...]) -> Iterator[None]:
    """Call `function(module, args, kwargs)` before each of the modules runs."""
    handles = []
    try:
        for module in modules:
            handles.append(module.register_forward_pre_hook(
                lambda called, args, kwargs: function(called, args, kwargs), with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()
