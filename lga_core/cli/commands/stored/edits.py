"""`edits`: what an edit set holds, and the set in another form: the merged model, a LoRA adapter, a set anew."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lga_core.cli.commands.edit_copies import NOTHING, Copies, Export, ExportLora, LoraRank, Save, WrittenCopies
from lga_core.cli.options import ModelOptions
from lga_core.cli.output import answer, attributes, progress_line, table
from lga_core.errors import LgaError
from lga_core.results import METRICS, EditMeans, FactMean
from lga_core.view.words.text import count

if TYPE_CHECKING:
    from lga_core.editing.files.manifest import Manifest, ManifestEntry


def edits(
    common: ModelOptions,
    source: Annotated[Path, typer.Argument(metavar="SET", help="A .zip or folder of `edit --save` or --export-lora.")],
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="The model that they were made for, to write a copy.")
    ] = None,
    save: Save = None,
    export: Export = None,
    export_lora: ExportLora = None,
    lora_rank: LoraRank = None,
) -> None:
    """Show the edits of a set; with MODEL, write those that are on in another form, or all of them (--save).

    Nothing is computed again.
    """
    from lga_core.editing.files.containers import opened
    from lga_core.editing.files.reading import read_edit_set, read_manifest, read_measured

    copies = Copies(save=save, merged=export, lora=export_lora, lora_rank=lora_rank)
    copies.check()
    if copies and model is None:  # not the name in the set: whoever made the set would choose what is loaded
        raise LgaError("A copy is written with the model that the edits were made for.", hint="Name it after the set.")
    if model is not None and not copies:
        raise LgaError(
            "The model is only needed to write a copy, and none is asked for.",
            hint="Leave it out, or name a copy with --save, --export or --export-lora.",
        )
    with opened(source) as files:
        manifest = read_manifest(files)
        measured = read_measured(files, manifest)
    written = WrittenCopies(data=NOTHING)
    if model is not None:
        with progress_line(common) as report:
            loaded = common.load(model, report)
            written = copies.write(loaded, read_edit_set(source, loaded), measured, report)
    data = {**_report(manifest, measured), **written.data}
    answer(common, data, "\n".join([*_text(manifest, measured), *written.lines]))


def _report(manifest: "Manifest", measured: EditMeans | None) -> dict[str, Any]:
    return {
        **attributes(manifest, "model", "model_fingerprint", "dtype", "created", "packages"),
        "edits": [
            {
                **attributes(entry, "editor", "layers", "mode", "settings", "enabled"),
                "facts": [attributes(fact, "prompt", "subject", "target_new", "target_old") for fact in entry.facts],
            }
            for entry in manifest.entries
        ],
        "before": measured and {name: _forced(measured.before, name) for name in METRICS},
        "after": measured and {name: _forced(measured.now, name) for name in METRICS},
    }


def _text(manifest: "Manifest", measured: EditMeans | None) -> Sequence[str]:
    lines = [
        f"{count(len(manifest.entries), 'edit')} of {manifest.model}, computed in {manifest.dtype}, "
        f"saved {manifest.created}"
    ]
    if manifest.entries:
        head = ["edit", "on", "fact", "new answer", "editor", "layers"]
        lines.append(
            table(head, [row for place, entry in enumerate(manifest.entries, 1) for row in _rows(place, entry)])
        )
    if measured is not None:
        head = ["percent, of the facts that are on", "forced before", "after"]
        rows = [[name, _forced(measured.before, name), _forced(measured.now, name)] for name in METRICS]
        lines += ["", table(head, rows)]
    return lines


def _rows(place: int, entry: "ManifestEntry") -> list[list[Any]]:
    """One row a fact: the facts of a batch stand together."""
    layers = ", ".join(map(str, entry.layers))
    return [[place, entry.enabled, fact.prompt, fact.target_new, entry.editor, layers] for fact in entry.facts]


def _forced(means: Mapping[str, FactMean], name: str) -> float | None:
    return means[name].teacher_forced if name in means else None
