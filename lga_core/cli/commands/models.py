"""`models`: the catalogue, what of it is on this machine, and fetching one."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from lga_core.cli.options import ModelOptions
from lga_core.cli.output import answer, progress_line, table
from lga_core.models.sources.catalogue import catalogue, local_folder, own_catalogue, resolve
from lga_core.models.sources.entry import ModelEntry
from lga_core.results import MemoryEstimate
from lga_core.view.words.sentences import memory_size


def models(
    common: ModelOptions,
    fetch: Annotated[str | None, typer.Option(metavar="ID", help="Bring this model to this machine first.")] = None,
) -> None:
    """List the models of the catalogue, what loading each takes and what is free."""
    from lga_core.evaluation.memory_need import loading_need

    entries = list(catalogue())
    if fetch is not None:
        from lga_core.models.sources.fetching.fetch import fetch as bring

        entry = resolve(fetch)
        with progress_line(common) as report:
            bring(entry, accept_terms=common.accept_terms, report=report)
        entries += [entry] if entry not in entries else []
    needs = [loading_need(entry, common.device, common.dtype) for entry in entries]
    listed = [_report(entry, need) for entry, need in zip(entries, needs, strict=True)]
    rows = [
        [
            *(model[name] for name in ("id", "source", "layers")),
            _millions(model["parameters"]),
            _to_load(need),
            model["licence"],
            model["path"] or "not fetched",
        ]
        for model, need in zip(listed, needs, strict=True)
    ]
    head = ["model", "source", "layers", "parameters", "to load", "licence", "local folder"]
    own = f"Models of your own are read from {own_catalogue()}."
    answer(common, listed, "\n".join(filter(None, [table(head, rows), own, _free(needs)])))


def _report(entry: ModelEntry, need: MemoryEstimate | None) -> dict[str, Any]:
    folder = local_folder(entry)
    return {
        "id": entry.id,
        "source": entry.source,
        "path": folder and str(folder),
        "licence": entry.licence and entry.licence.name,
        "parameters": entry.parameters,
        "memory_bytes": entry.memory_bytes,
        "to_load_bytes": need and need.needed,
        "free_bytes": need and need.free,
        "layers": entry.layers,
        "title": entry.title,
        "licence_url": entry.licence and entry.licence.url,
        "must_accept_terms": entry.licence is not None and entry.licence.must_accept,
        "published_layers": [published.model_dump() for published in entry.published],
    }


def _millions(parameters: int | None) -> str:
    return "n/a" if parameters is None else f"{parameters / 1e6:,.0f} M"


def _to_load(need: MemoryEstimate | None) -> str:
    if need is None:
        return "n/a"
    return memory_size(need.needed) + ("" if need.fits else ", too much")


def _free(needs: Sequence[MemoryEstimate | None]) -> str | None:
    """What the column "to load" is to be compared with."""
    need = next(filter(None, needs), None)
    if need is None:
        return None
    return (
        f"To load: memory for the weights in {need.dtype} with room to work. "
        f"{memory_size(need.free)} are free on {need.where}."
    )
