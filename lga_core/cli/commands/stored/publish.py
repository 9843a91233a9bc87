"""`publish`: an edit set or a LoRA adapter into a repository of the hub, with a card that names its facts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from lga_core.cli.options import Common
from lga_core.cli.output import answer, attributes, progress_line
from lga_core.errors import LgaError


def publish(
    common: Common,
    source: Annotated[Path, typer.Argument(metavar="SET", help="A .zip or folder of `edit --save` or --export-lora.")],
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="Where it goes; made if it is not there.")],
    private: Annotated[bool, typer.Option("--private", help="Make the new repository private.")] = False,
    update: Annotated[bool, typer.Option("--update", help="Write to a repository that holds files.")] = False,
    base_model: Annotated[
        str | None, typer.Option(metavar="OWNER/NAME", help="The base model's repository, for a local model's edits.")
    ] = None,
    card: Annotated[
        bool, typer.Option("--card", help="Only show the card; publish nothing. Not with --private or --update.")
    ] = False,
) -> None:
    """Publish edits, with a card that states every fact. The token is HF_TOKEN or that of `hf auth login`."""
    from lga_core.editing.files.containers import opened
    from lga_core.editing.publishing import hub
    from lga_core.editing.publishing.parcel import CARD, parcel

    if card:
        _check_shown_only({"private": private, "update": update})
    else:
        hub.check_ready(repository)
    with opened(source) as files:
        made = parcel(files, repository, base_model)
    text = made[CARD].decode()
    if card:
        answer(common, {"repository": repository, "files": list(made), "card": text, "published": None}, text)
        return
    with progress_line(common) as report:
        done = hub.publish(made, repository, private=private, update=update, report=report)
    printed = {**attributes(done, "repository", "files"), "card": text, "published": done.url}
    answer(common, printed, f"{done.repository}: {', '.join(done.files)}\npublished: {done.url}")


def _check_shown_only(given: Mapping[str, bool]) -> None:
    """Raise LgaError for options that say how to publish, where nothing is published."""
    for option, is_given in given.items():
        if is_given:
            raise LgaError(
                f"--card publishes nothing, so that --{option} would have no effect.",
                hint=f"Leave out --{option} to see the card, or --card to publish.",
            )
