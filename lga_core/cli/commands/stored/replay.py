"""`replay`: a stored run computed again, and whether it comes out equal."""

from dataclasses import asdict
from typing import Annotated

import typer

from lga_core.cli.options import ModelOptions
from lga_core.cli.output import answer, progress_line
from lga_core.errors import LgaError
from lga_core.view.words.runs import replay_sentence

NOT_EQUAL = 1


def replay(
    common: ModelOptions,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's key or its first letters, or its title.")],
) -> None:
    """Compute a stored run again in an empty store and compare. Exit code 1 where it is not equal."""
    from lga_core.runs.replay.replay import replay as replay_run
    from lga_core.runs.storage.index import RunIndex
    from lga_core.runs.storage.store import Store

    store = Store()
    header = RunIndex(store).one(run)
    kept = store.find(header.key)
    if kept is None:
        raise LgaError(f"The run {header.short} cannot be read. {header.problem}", hint="Delete it on the page Runs.")
    with progress_line(common) as report:
        loaded = common.load(kept.provenance.model, report)
        replayed = replay_run(loaded, kept, report=report)
    answer(common, asdict(replayed), f"{header.what}, {header.short}: {replay_sentence(replayed)}")
    if not replayed.equal:
        raise typer.Exit(NOT_EQUAL)
