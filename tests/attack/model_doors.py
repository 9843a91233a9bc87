"""The doors for models: a name, and a folder of the user's."""

import json
import os
import random
from pathlib import Path

from attack.hostile import document, name, safetensors, word

from lga_core.errors import LgaError
from lga_core.models.sources import checkpoint
from lga_core.models.sources.catalogue import local_folder, resolve
from lga_core.models.sources.fingerprint import folder_fingerprint
from lga_core.models.sources.tokenizer_files import tokenizer_class
from lga_core.models.structure import quantized
from lga_core.models.text.preview import has_chat_template, token_preview

CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2, "text_config": {}}
INDEX = {"metadata": {"total_size": 16}, "weight_map": {"weight": "model.safetensors"}}
TOKENIZER = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": "{{ messages }}"}
DIGESTS = {"model.safetensors": {"state": "1 1", "sha256": "0"}, "tokenizer.json": {"state": "1 1", "sha256": "0"}}


def model_name(chance: random.Random, folder: Path) -> None:
    """Beside the names of the world those of what lies in this folder, which LGA_MODEL_ROOTS allows alone."""
    named = name(chance)
    if chance.random() < 0.5:
        named = str(folder / named.lstrip("/"))
    entry = resolve(named)
    assert entry.source != "path" or Path(entry.origin.path).resolve().is_relative_to(folder.resolve())
    local_folder(entry)


def model_folder(chance: random.Random, folder: Path) -> None:
    """A transformers folder, its files broken one or more at a time."""
    place = folder / "model"
    place.mkdir(exist_ok=True)
    for file, good in (("config.json", CONFIG), ("tokenizer_config.json", TOKENIZER), (".lga-digests.json", DIGESTS)):
        broken = chance.random() < 0.4
        (place / file).unlink(missing_ok=True)
        if chance.random() < 0.1:  # what never ends
            chance.choice((os.mkfifo, lambda planted: planted.symlink_to("/dev/zero")))(place / file)
            continue
        (place / file).write_bytes(document(good, chance) if broken else json.dumps(good).encode())
    (place / "tokenizer.json").write_bytes(document({"version": "1.0", "model": {"type": "BPE"}}, chance))
    (place / "model.safetensors").write_bytes(safetensors(chance))
    index = place / "model.safetensors.index.json"
    index.unlink(missing_ok=True)
    if chance.random() < 0.5:
        index.write_bytes(document({**INDEX, "weight_map": {"weight": name(chance)}}, chance))
    has_chat_template(place)
    token_preview(place, word(chance)[:1_000], (0, 3))
    for read in (
        checkpoint.is_complete,
        checkpoint.check_complete,
        checkpoint.check_decoder,
        checkpoint.layers,
        checkpoint.parameters,
        tokenizer_class,
        quantized.check_readable,
        folder_fingerprint,
        lambda folder: resolve(str(folder)),
    ):
        try:
            read(place)
        except LgaError as error:
            assert error.cause and error.hint
    assert all(path.parent == place for path in files_of(place))


def files_of(place: Path) -> tuple[Path, ...]:
    try:
        return checkpoint.weight_files(place)
    except LgaError:
        return ()
