"""The one error type that a user sees: what went wrong, and what to do about it."""

from collections.abc import Mapping
from typing import TypeVar

Entry = TypeVar("Entry")


class LgaError(Exception):
    """A failure with a known cause and a known remedy; shown as one message, never as a traceback.

    Raise it where the cause is known: `LgaError("The folder has no weights: …", hint="Name a folder with …")`.
    """

    def __init__(self, cause: str, *, hint: str) -> None:
        super().__init__(f"{cause.rstrip()} {hint.strip()}")
        self.cause = cause
        self.hint = hint

    def __reduce__(self):
        return _rebuild, (self.cause, self.hint)  # an error crosses from the engine's process to the server's


def _rebuild(cause: str, hint: str) -> LgaError:
    return LgaError(cause, hint=hint)


def explained(title: str, error: BaseException, *, hint: str) -> LgaError:
    """Any error as one that a user can be shown; `hint` is for those whose cause is not known."""
    if isinstance(error, LgaError):
        return error
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, without torch
        return LgaError(
            f"{title}: the memory of the machine was not enough.",
            hint="Take fewer facts or a smaller model, or close other work, then start again; finished rows are kept.",
        )
    what = f"{type(error).__name__}: {error}".strip().rstrip(":.")
    return LgaError(f"{title} stopped on an unexpected error ({what}).", hint=hint)


def one_of(what: str, name: str, table: Mapping[str, Entry]) -> Entry:
    """The table's entry of that name. Raises LgaError with the names there are."""
    if name not in table:
        raise LgaError(f"There is no {what} {name!r}.", hint=f"Choose one of {', '.join(table)}.")
    return table[name]
