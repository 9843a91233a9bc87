"""`models`: the catalogue, what of it is on this machine, and fetching one."""

from typing import Annotated, Any

import typer

from lga_core.cli.options import Common
from lga_core.cli.output import answer, run, table
from lga_core.models.catalogue import ModelEntry, catalogue, local_folder, resolve


def models(
    common: Common,
    fetch: Annotated[str | None, typer.Option(metavar="ID", help="Bring this model to this machine first.")] = None,
) -> None:
    """List the models of the catalogue."""
    entries = list(catalogue())
    if fetch is not None:
        from lga_core.models.fetching.fetch import fetch as bring

        entry = resolve(fetch)
        run(common, bring(entry, accept_terms=common.accept_terms))
        entries += [entry] if entry not in entries else []
    listed = [_report(entry) for entry in entries]
    answer(common, listed, table(
        ["model", "source", "layers", "parameters", "memory", "licence", "local folder"],
        [[model["id"], model["source"], model["layers"], _millions(model["parameters"]),
          _gigabytes(model["memory_bytes"]), model["licence"], model["path"] or "not fetched"] for model in listed],
    ))


def _report(entry: ModelEntry) -> dict[str, Any]:
    folder = local_folder(entry)
    return {
        "id": entry.id,
        "source": entry.source,
        "path": folder and str(folder),
        "licence": entry.licence and entry.licence.name,
        "parameters": entry.parameters,
        "memory_bytes": entry.memory_bytes,
        "layers": entry.layers,
        "title": entry.title,
        "licence_url": entry.licence and entry.licence.url,
        "must_accept_terms": entry.licence is not None and entry.licence.must_accept,
        "published_layers": [published.model_dump() for published in entry.published],
    }


def _millions(parameters: int | None) -> str:
    return "n/a" if parameters is None else f"{parameters / 1e6:,.0f} M"


def _gigabytes(size: int | None) -> str:
    return "n/a" if size is None else f"{size / 1e9:.1f} GB"
