"""What the playground is doing: one prompt, two texts as they grow, and the steps that write them."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Literal

from lga_core.editing.edits import Edit
from lga_core.evaluation.playground import PlaygroundSettings, compare_texts
from lga_core.models.loaded import LoadedModel
from lga_core.results import PlaygroundReport, Progress, SideBySide
from pages._ui.book import Book, model_of, tried_edits
from pages._ui.model import Shelf
from pages._ui.state import Trial

Source = Literal["ledger", "trial"]


@dataclass(eq=False, kw_only=True)
class Playing:
    """Filled by a job, read by the page. Holds texts and numbers, never the model."""

    model: str
    prompt: str
    edits: str                               # which ones, in words
    before: str = ""                         # the texts so far
    after: str = ""
    report: PlaygroundReport | None = None   # once both are finished


def play_steps(shelf: Shelf, book: Book, playing: Playing, settings: PlaygroundSettings,
               trial: Trial | None) -> Generator[Progress, None, None]:
    """Write both texts; with the ledger's enabled edits, or with a trial's."""
    ledger = book.ledger
    model = yield from model_of(shelf, book)
    edits = ledger.edits if trial is None else (yield from tried_edits(model, book, trial))
    playing.report = yield from _written(model, playing, edits, settings)


def _written(model: LoadedModel, playing: Playing, edits: tuple[Edit, ...],
             settings: PlaygroundSettings) -> Generator[SideBySide, None, PlaygroundReport]:
    with closing(compare_texts(model, playing.prompt, edits, settings)) as steps:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                playing.before, playing.after = end.value.text_before, end.value.text_after
                return end.value
            playing.before, playing.after = step.text_before, step.text_after
            yield step
