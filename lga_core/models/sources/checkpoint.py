"""What a transformers folder holds, read from its headers without loading anything."""

import math
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open

from lga_core.errors import LgaError
from lga_core.models.sources.json_files import read_json
from lga_core.models.sources.tokenizer_files import VOCABULARIES

PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
EXPERT_KEYS = ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
PACKED_BYTES = {"I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1}
ADAPTER_CONFIG = "adapter_config.json"
LAYER_KEYS = ("num_hidden_layers", "n_layer", "num_layers")


def weight_files(folder: Path) -> tuple[Path, ...]:
    """The safetensors files that transformers would load, whether there or not; () where none is named.

    As there, an index counts only where there is no model.safetensors. Raises LgaError for one that is damaged or
    names files elsewhere.
    """
    single = folder / "model.safetensors"
    if single.is_file():
        return (single,)
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = read_json(index).get("weight_map")
        if not isinstance(names, dict) or not all(map(_is_file_name, names.values())):
            raise LgaError(
                f"{index} does not name the weight files that lie beside it.", hint="Fetch or copy the file again."
            )
        return tuple(folder / name for name in sorted(set(names.values())))
    return ()


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
        raise LgaError(f"There is no folder {folder}.", hint="Name a folder with a transformers model.")
    if not (folder / "config.json").is_file():
        raise LgaError(
            f"{folder} has no config.json.",
            hint="Name a folder that save_pretrained wrote: config.json, *.safetensors, tokenizer.json.",
        )
    files = weight_files(folder)
    if not files:
        raise _no_weights(folder)
    if missing := [path.name for path in files if not path.is_file()]:
        raise LgaError(
            f"{folder} lacks {len(missing)} of {len(files)} weight files, first {missing[0]}.",
            hint="Fetch or copy the model again.",
        )
    if not any((folder / name).is_file() for name in VOCABULARIES):
        raise LgaError(
            f"{folder} has no tokenizer.", hint="Save the tokenizer there: tokenizer.save_pretrained(folder)."
        )


def parameters(folder: Path) -> int:
    """How many numbers the weight files hold. Raises LgaError for a damaged file."""
    return sum(math.prod(shape) for shape, _dtype in _tensors(folder))


def weight_bytes(folder: Path, itemsize: int) -> int:
    """What the weights take in memory with `itemsize` bytes a float; quantized ones keep the size that they have."""
    return sum(math.prod(shape) * PACKED_BYTES.get(dtype, itemsize) for shape, dtype in _tensors(folder))


def configuration(folder: Path) -> dict:
    """config.json; its `text_config`, where there is one, is an object too. Raises LgaError where it cannot be read."""
    path = folder / "config.json"
    config = read_json(path)
    if not isinstance(config.get("text_config") or {}, dict):
        raise LgaError(f"The text_config of {path} is not a JSON object.", hint="Fetch or copy the file again.")
    return config


def check_decoder(folder: Path) -> None:
    """Raise LgaError for what config.json already shows not to be a dense decoder, before anything is loaded."""
    config = configuration(folder)
    if (folder / ADAPTER_CONFIG).is_file():
        raise LgaError(
            f"{folder} holds an adapter beside the model, which would change it unseen.",
            hint=f"Merge the adapter into the weights, or move {ADAPTER_CONFIG} elsewhere.",
        )
    named = config.get("architectures")
    name = ", ".join(map(str, named if isinstance(named, list) and named else [config.get("model_type", "this model")]))
    if config.get("is_encoder_decoder"):
        raise LgaError(
            f"{name} in {folder} is an encoder with a decoder; here a layer is a block of one decoder.",
            hint="Name a decoder-only model (Llama, GPT-2, Gemma, …).",
        )
    settings = {**config, **(config.get("text_config") or {})}
    counts = [settings[key] for key in EXPERT_KEYS if isinstance(settings.get(key), int)]
    if experts := next((count for count in counts if count > 1), None):
        raise LgaError(
            f"{name} in {folder} is a mixture of {experts} experts: every token takes its own way through "
            "several MLPs, so that a layer has no single down projection to score or to edit.",
            hint="Use a dense model.",
        )


def layers(folder: Path) -> int | None:
    """Number of blocks that config.json states, also where it nests the text model's part; None where it does not."""
    config = configuration(folder)
    settings = {**config, **(config.get("text_config") or {})}
    return next((settings[key] for key in LAYER_KEYS if isinstance(settings.get(key), int)), None)


def _no_weights(folder: Path) -> LgaError:
    pickles = [path.name for pattern in PICKLES for path in sorted(folder.glob(pattern))]
    if pickles:
        return LgaError(
            f"{folder} has pickled weights only ({pickles[0]}), and a pickle can run code when it is opened.",
            hint="Where you trust the file, load it with transformers once and save_pretrained it as safetensors.",
        )
    return LgaError(f"{folder} has no weights (model.safetensors).", hint="Name a folder with safetensors weights.")


def _tensors(folder: Path) -> Iterator[tuple[list[int], str]]:
    """Shape and dtype of every tensor, by the headers. Raises LgaError for a damaged file."""
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="numpy") as file:
                for key in file.keys():  # noqa: SIM118
                    part = file.get_slice(key)
                    yield part.get_shape(), part.get_dtype()
        except (SafetensorError, OSError) as error:
            raise LgaError(
                f"The weights in {path} are damaged: {error}.", hint="Fetch or copy the file again."
            ) from error


def _is_file_name(name: object) -> bool:
    return isinstance(name, str) and name.endswith(".safetensors") and not set(name) & set("/\\\0")
