"""What a transformers folder holds, read from its headers without loading anything."""

import json
import math
from pathlib import Path

from safetensors import SafetensorError, safe_open

from lga_core.errors import LgaError

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json")
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
LAYER_KEYS = ("num_hidden_layers", "n_layer", "num_layers")


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that transformers would load, whether there or not; () where none is named."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = sorted(set(_json(index).get("weight_map", {}).values()))
        return tuple(folder / name for name in names)
    single = folder / "model.safetensors"
    return (single,) if single.is_file() else ()


def is_complete(folder: Path) -> bool:
    """Whether nothing that a load needs is missing."""
    try:
        check_complete(folder)
    except LgaError:
        return False
    return True


def check_complete(folder: Path) -> None:
    """Raise LgaError that names the first thing a load needs and the folder lacks."""
    if not folder.is_dir():
        raise LgaError(f"There is no folder {folder}.", mend="Name a folder with a transformers model.")
    if not (folder / "config.json").is_file():
        raise LgaError(f"{folder} has no config.json.",
                       mend="Name a folder that save_pretrained wrote: config.json, *.safetensors, tokenizer.json.")
    files = weight_files(folder)
    if not files:
        raise _no_weights(folder)
    if missing := [path.name for path in files if not path.is_file()]:
        raise LgaError(f"{folder} lacks {len(missing)} of {len(files)} weight files, first {missing[0]}.",
                       mend="Fetch or copy the model again.")
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise LgaError(f"{folder} has no tokenizer.",
                       mend="Save the tokenizer there: tokenizer.save_pretrained(folder).")


def parameters(folder: Path) -> int:
    """How many numbers the weight files hold. Raises LgaError for a damaged file."""
    count = 0
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="numpy") as file:
                count += sum(math.prod(file.get_slice(key).get_shape()) for key in file.keys())  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            raise LgaError(f"The weights in {path} are damaged: {error}.",
                           mend="Fetch or copy the file again.") from error
    return count


def layers(folder: Path) -> int | None:
    """Number of blocks that config.json states, also where it nests the text model's part; None where it does not."""
    config = _json(folder / "config.json")
    found = {**config, **config.get("text_config", {})}
    return next((found[key] for key in LAYER_KEYS if isinstance(found.get(key), int)), None)


def _no_weights(folder: Path) -> LgaError:
    pickles = [path.name for pattern in PICKLES for path in sorted(folder.glob(pattern))]
    if pickles:
        return LgaError(
            f"{folder} has pickled weights only ({pickles[0]}), and a pickle can run code when it is opened.",
            mend="Where you trust the file, load it with transformers once and save_pretrained it as safetensors.",
        )
    return LgaError(f"{folder} has no weights (model.safetensors).", mend="Name a folder with safetensors weights.")


def _json(path: Path) -> dict:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise LgaError(f"{path} cannot be read as JSON: {error}.", mend="Fetch or copy the file again.") from error
    if not isinstance(content, dict):
        raise LgaError(f"{path} is not a JSON object.", mend="Fetch or copy the file again.")
    return content
