"""Who draws results. `lga_core` names it, so that a result can show itself and yet knows no figure and no table."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pandas as pd


class Presenter(Protocol):
    """Makes tables and pages of results."""

    def frame(self, result: Any, of: str | None = None) -> "pd.DataFrame": ...

    def page(self, result: Any) -> str: ...


_named: list[Callable[[], Presenter]] = []


def shown_by(load: Callable[[], Presenter]) -> None:
    """Let results be shown by what `load` returns; it is called when the first of them is."""
    _named[:] = [load]


def presenter() -> Presenter:
    """Who shows results. `import lga_core`, which any import here begins with, has named it."""
    return _named[-1]()
