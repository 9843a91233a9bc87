"""`demo`: the finished example that pages show on a first visit, made again."""

from pathlib import Path
from typing import Annotated

import typer

from lga_core.cli.options import ModelOptions
from lga_core.cli.output import answer, progress_line


def demo(
    common: ModelOptions,
    write: Annotated[
        Path,
        typer.Option(metavar="FOLDER", help="Where it is put: a new folder, or an earlier example's."),
    ],
    swept: Annotated[int, typer.Option(min=1, help="Facts of its sweep, which takes most of the time.")] = 16,
) -> None:
    """Measure the recorded example of both default models. Takes minutes; stopped, the next call goes on."""
    from lga_core.runs.shipped.example_writing import write_example

    with progress_line(common) as report:
        made = write_example(write, lambda name: common.load(name, report), swept=swept, report=report)
    size = sum(path.stat().st_size for path in write.rglob("*") if path.is_file())
    names = ", ".join(item.identity.name for item in made.models)
    answer(
        common,
        {"folder": str(write), "bytes": size, "models": [item.identity.name for item in made.models]},
        f"{names}: {size / 1e6:.2f} MB in {write}",
    )
