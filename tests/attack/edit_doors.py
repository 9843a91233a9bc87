"""The doors for edits: EasyEdit's settings, the text of the second moments, an edit set."""

import hashlib
import io
import random
import zipfile
from pathlib import Path

from attack.hostile import document, name, safetensors, word
from attack.inert import labels_are_inert
from conftest import tiny_model

from lga_core.editing.files.easyedit.reading import read_hparams
from lga_core.editing.files.manifest import FORMAT, Manifest
from lga_core.editing.files.reading import read_edit_set
from lga_core.models.text.sources import content_key

MODEL = tiny_model("llama")


def hparams(chance: random.Random, folder: Path) -> None:
    """EasyEdit's YAML: values of other kinds, aliases that multiply, deep nesting, tags that run code."""
    good = {"alg_name": "R-ROME", "layers": [5], "v_num_grad_steps": 20, "v_lr": 0.5, "kl_factor": 0.1}
    bombs = (
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nlayers: [*c, *c]",
        b"[" * 5_000,
        b"alg_name: !!python/object/apply:os.system ['touch hit']",
        b"alg_name: ROME\nlayers: [" + b"9" * 5_000 + b"]",
    )
    read = read_hparams(name(chance), chance.choice(bombs) if chance.random() < 0.2 else document(good, chance))
    for remark in read.remarks(4):
        labels_are_inert(remark)


def text_name(chance: random.Random, folder: Path) -> None:
    """A text for second moments, as an editor's settings name it."""
    named = chance.choice(("file:", "file: ", "hub:", "")) + name(chance)
    content_key(named)


def edit_set(chance: random.Random, folder: Path) -> None:
    """A .zip or folder of the right names with hostile content; names that lead elsewhere; a bomb."""
    manifest = {"format": 1, "model": word(chance)[:50], "entries": [], "packages": {}, "tensors_sha256": ""}
    tensors = safetensors(chance)
    parts = {"manifest.json": document(manifest, chance), "edits.safetensors": tensors}
    if chance.random() < 0.4:  # all in order but the tensors' header, which lies
        parts["manifest.json"] = signed(tensors)
    if chance.random() < 0.3:
        parts[f"../{name(chance)[:50]}"] = b"x"
    if chance.random() < 0.02:
        parts["manifest.json"] = bytes(100 * 2**20)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part.replace("\0", "").encode("utf-8", "replace").decode(), content)
    data = bytearray(file.getvalue())
    if chance.random() < 0.5:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    read_edit_set(bytes(data) if chance.random() < 0.7 else str(folder / name(chance).lstrip("/")), MODEL)


def signed(tensors: bytes) -> bytes:
    """A manifest that fits this tensor file and the model."""
    manifest = Manifest(
        format=FORMAT,
        model="tiny",
        model_fingerprint=MODEL.fingerprint,
        dtype="float32",
        created="",
        packages={},
        tensors_sha256=hashlib.sha256(tensors).hexdigest(),
        entries=(),
    )
    return manifest.model_copy(update={"sha256": manifest.digest}).model_dump_json().encode()
