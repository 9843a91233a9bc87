"""The options that several commands take, declared once, and the checks of what they hold."""

import functools
import inspect
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer
from pydantic import ValidationError

from lga_core.data.asked import some
from lga_core.data.facts import Fact, FactSet
from lga_core.data.load import choose
from lga_core.errors import LgaError
from lga_core.models.text.chat import chat_name
from lga_core.progress import Reporter
from lga_core.settings import flat_names, from_flat, problem

if TYPE_CHECKING:
    from lga_core.models.loaded import LoadedModel
    from lga_core.runs.storage.store import Store

S = TypeVar("S")

typed: ContextVar[Sequence[str]] = ContextVar("typed", default=())
"""The command that runs and its arguments, as they were typed."""

ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model of the catalogue, a hub id, a folder or a .gguf file.")
]
FactsName = Annotated[
    str, typer.Argument(metavar="FACTS", help="A shipped set's name, a .json, .jsonl or .csv file, or hub:owner/name.")
]
Index = Annotated[int, typer.Option(help="The fact: its 0-based record in the file.")]
EditorName = Annotated[str, typer.Option(help="r-rome, rome, emmet, …")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="A setting of the method, before an option of its name; repeatable."
    ),
]


Chat = Annotated[
    bool, typer.Option("--chat", help="Ask in MODEL's chat template: a prompt is the user's message, as it stands.")
]
AcceptTerms = Annotated[
    bool, typer.Option("--accept-terms", envvar="LGA_ACCEPT_TERMS", help="Accept the model's licence terms.")
]


@dataclass(frozen=True, kw_only=True)
class Common:
    """What every command accepts. A command whose first parameter is of a class below accepts that class's too."""

    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write the JSON (report: the page) here.")] = (
        None
    )
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress and no notes.")] = False

    def __post_init__(self) -> None:
        if self.out is not None and not self.out.parent.is_dir():
            raise LgaError(f"--out: there is no folder {self.out.parent}.", hint="Make it first, or name another file.")
        if self.out is not None and self.out.is_dir():
            raise LgaError(f"--out: {self.out} is a folder.", hint="Name a file in it.")


@dataclass(frozen=True, kw_only=True)
class ModelOptions(Common):
    """For commands that load a model."""

    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="auto: the accelerator, if any.")] = "auto"
    dtype: Annotated[str, typer.Option(metavar="auto|float32|bfloat16", help="auto: float32 on a CPU.")] = "auto"
    accept_terms: AcceptTerms = False

    def load(self, model: str, report: Reporter) -> "LoadedModel":
        """The model of that name, on the device and in the dtype asked for."""
        from lga_core.models.loading import load

        return load(model, device=self.device, dtype=self.dtype, accept_terms=self.accept_terms, report=report)


@dataclass(frozen=True, kw_only=True)
class FactsOptions(ModelOptions):
    """For commands that ask a model about the facts of a set."""

    limit: Annotated[int | None, typer.Option(min=1, help="Take only the first N facts.")] = None
    shuffle: Annotated[int | None, typer.Option(metavar="SEED", help="Shuffle the facts before --limit.")] = None
    chat: Chat = False

    def choose(self, facts: FactSet) -> tuple[Fact, ...]:
        """The facts asked for, in order."""
        return choose(some(facts.facts, facts.name), self.limit, self.shuffle)

    def store(self, model: str, facts: str) -> "Store":
        """The store of finished runs, which notes what asked."""
        return store_asked_by(model, facts, self.limit, self.shuffle)


@dataclass(frozen=True, kw_only=True)
class SeededOptions(FactsOptions):
    """For commands that draw something beside what an editor draws, whose seed is a setting of its own."""

    seed: Annotated[
        int, typer.Option(min=0, help="Of noise, bootstrap and the order of a race; an editor's own is --set seed=N.")
    ] = 0


def store_asked_by(model: str, facts: str, limit: int | None = None, shuffle: int | None = None) -> "Store":
    """The store of finished runs, which notes what asked: the command as it was typed, and which facts of the set."""
    from lga_core.results import Origin
    from lga_core.runs.storage.store import Store

    question = {"model": model, "facts": facts, "limit": limit, "seed": shuffle}
    return Store(origin=Origin(question=question, command=shlex.join(["lga", *typed.get()])))


_SCRIPTED = ("limit", "shuffle", "seed", "device", "dtype", "accept_terms")  # the contract with scripts


def with_common(command: Callable[..., None]) -> Callable[..., None]:
    """Let `command(common, …)` take the options of its first parameter's class, and those that only scripts name.

    With --chat its `model` has the name that means it.
    """
    hints = get_type_hints(command, include_extras=True)
    first, *others = inspect.signature(command).parameters.values()
    kind = hints[first.name]
    own = [item.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[item.name]) for item in others]
    shared = _shared_options(kind)
    ignored = _ignored_options({item.name for item in (*own, *shared)})

    @functools.wraps(command)
    def taking_all(**given: Any) -> None:
        left_aside = [item.name for item in ignored if given.pop(item.name) is not None]
        common = kind(**{item.name: given.pop(item.name) for item in shared})
        if left_aside and not common.quiet:
            names = ", ".join(f"--{name.replace('_', '-')}" for name in left_aside)
            instead = " The editor's seed is --set seed=N." if "seed" in left_aside and "set_" in given else ""
            typer.echo(f"{command.__name__.strip('_')} does not use {names}.{instead}", err=True)
        if getattr(common, "chat", False):
            given["model"] = chat_name(given["model"])
        command(common, **given)

    parameters = [*own, *shared, *ignored]
    taking_all.__annotations__ = {item.name: item.annotation for item in parameters}
    taking_all.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return taking_all


def _shared_options(kind: type[Common]) -> list[inspect.Parameter]:
    """The options of such a class as parameters: Typer reads a command's options from its signature."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=item.default, annotation=hints[item.name])
        for item in fields(kind)
    ]


def _ignored_options(read: Collection[str]) -> list[inspect.Parameter]:
    """The options of `_SCRIPTED` that a command does not read: it takes them too, so that one line of options serves
    every command of a script, but its help does not show them."""
    hints = get_type_hints(SeededOptions)  # without what Typer is told of them
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[hints[name] | None, typer.Option(f"--{name.replace('_', '-')}", hidden=True)],
        )
        for name in _SCRIPTED
        if name not in read
    ]


def settings_of(kind: type[S], given: Mapping[str, Any], assignments: Sequence[str] | None) -> S:
    """A settings dataclass from its defaults, the options in `given` that it has, and `--set NAME=VALUE`.

    A setting of a settings class inside it goes by its own name too. Raises LgaError for a name that there is not or
    a value of another type.
    """
    return settings_of_each([(kind, given)], assignments)[0]


def settings_of_each(
    kinds: Sequence[tuple[type, Mapping[str, Any]]], assignments: Sequence[str] | None
) -> tuple[Any, ...]:
    """`settings_of` for several classes, each with its options, that share `--set`.

    An assignment goes to each that has its name.
    """
    places = [flat_names(kind) for kind, _given in kinds]
    names = list(dict.fromkeys(name for known in places for name in known))
    for assignment in assignments or ():
        name, equals, _value = assignment.partition("=")
        if not equals or name not in names:
            raise LgaError(
                f"--set {assignment}: there is no such setting.",
                hint=f"Write NAME=VALUE with one of: {', '.join(names)}." if names else "Leave it out: there is none.",
            )
    return tuple(
        _made(kind, known, given, assignments or ()) for (kind, given), known in zip(kinds, places, strict=True)
    )


def _made(kind: type[S], names: Collection[str], given: Mapping[str, Any], assignments: Sequence[str]) -> S:
    chosen = {name: value for name, value in given.items() if name in names}
    for assignment in assignments:
        name, _equals, value = assignment.partition("=")
        if name in names:
            chosen[name] = None if value.lower() == "none" else value
    try:
        return from_flat(kind, chosen)
    except ValidationError as error:
        raise LgaError(f"{problem(error)}.", hint="Give that setting another value.") from error


def parse_fences(text: str) -> float | None:
    """The factor κ of the Tukey fences; None for "none"."""
    if text.strip().lower() == "none":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = -1.0
    if not 0 <= factor < float("inf"):
        raise LgaError(f"--fences {text} is no factor.", hint="Write a number from 0 on, as 1.0, or none.")
    return factor
