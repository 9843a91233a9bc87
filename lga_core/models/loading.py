"""Turns a model's name into a LoadedModel: fetched where needed, checked, in memory, read-only."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerFast
from transformers import __version__ as transformers_version

from lga_core.errors import LgaError, one_of
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.cards import compute_on, several_cards
from lga_core.models.running.memory import check_memory, out_of_memory
from lga_core.models.sources import checkpoint
from lga_core.models.sources.catalogue import local_folder, resolve
from lga_core.models.sources.fetching.fetch import fetch
from lga_core.models.sources.fingerprint import folder_fingerprint
from lga_core.models.sources.tokenizer_files import GENERAL_CLASSES, tokenizer_class
from lga_core.models.structure import quantized
from lga_core.models.structure.architecture import Architecture
from lga_core.models.structure.few_rows import prefer_few_rows
from lga_core.models.text.chat import ChatTemplate, plain_name
from lga_core.progress import Phase, Progress, Reporter, silent

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
STEPS = 3  # tokenizer, weights, structure
THREADS = "LGA_THREADS"
MOST_THREADS = 4096


def load(
    name: str, *, device: str = "auto", dtype: str = "auto", accept_terms: bool = False, report: Reporter = silent
) -> LoadedModel:
    """Load a catalogue id, a local folder, a .gguf file or a hub id, in evaluation mode and without gradients.

    A name that ends with ":chat" is the same model asked through its chat template.

    device: "auto" (cuda, else cpu), "cpu", "cuda" or one card as "cuda:1"; dtype: "auto" (float32 on a CPU, else
    bfloat16) or one of DTYPES. LGA_THREADS sets torch's number of threads. Raises LgaError for all that can be wrong
    with the name, the folder or the machine.
    """
    set_threads()
    entry = resolve(name)
    target = pick_device(device)
    kind = pick_dtype(dtype, target)
    folder = local_folder(entry) or fetch(entry, accept_terms, report=report)
    checkpoint.check_complete(folder)
    checkpoint.check_decoder(folder)
    quantized.check_readable(folder)
    weights = checkpoint.weight_bytes(folder, kind.itemsize)
    room = several_cards(entry.title, weights, device, target)
    if room is None:
        check_memory(entry.title, weights, target)

    def finished(steps: int) -> None:
        report(Progress(phase=Phase.LOAD, done=steps, total=STEPS, detail=entry.title))

    finished(0)
    tokenizer = _tokenizer(folder)
    if entry.chat:
        ChatTemplate.of(tokenizer, name)  # refused before the weights are read
    finished(1)
    model = _model(folder, target, kind, room)
    _check_vocabulary(folder, tokenizer, model)
    finished(2)
    architecture = Architecture.find(model, **entry.parts.model_dump())
    fingerprint = folder_fingerprint(folder, entry.parts, report=report)
    finished(STEPS)
    plain = LoadedModel(
        name=plain_name(name), model=model, tokenizer=tokenizer, architecture=architecture, fingerprint=fingerprint
    )
    return plain.chatting if entry.chat else plain


def set_threads() -> None:
    """Give torch the number of threads in LGA_THREADS; nothing or 0 leaves it. Raises LgaError for any other text."""
    text = os.environ.get(THREADS, "").strip() or "0"
    if not text.isdecimal() or int(text) > MOST_THREADS:
        raise LgaError(f"{THREADS} is {text!r}, which is no number of threads.", hint=f"Set {THREADS}=2, say.")
    if threads := int(text):
        torch.set_num_threads(threads)


def pick_device(asked: str) -> torch.device:
    """Raises LgaError for a device that torch does not know, this machine does not have, or that has no float64."""
    has = {"cpu": True, "cuda": torch.cuda.is_available()}
    if asked == "auto":
        return torch.device("cuda" if has["cuda"] else "cpu")
    try:
        device = torch.device(asked)
    except RuntimeError as error:
        raise LgaError(f"There is no device {asked!r}.", hint="Use auto, cpu or cuda.") from error
    if device.type == "mps":
        raise LgaError(f"{asked!r} has no float64, in which edits and scores are computed.", hint="Use auto or cpu.")
    if not has.get(device.type) or (device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count()):
        raise LgaError(f"This machine has no device {asked!r} that torch can use.", hint="Use auto or cpu.")
    return device


def pick_dtype(asked: str, device: torch.device) -> torch.dtype:
    """Raises LgaError for a dtype that is not one of DTYPES."""
    auto = torch.float32 if device.type == "cpu" else torch.bfloat16
    return one_of("dtype", asked, {"auto": auto, **DTYPES})


def _tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    # For some families transformers takes its own class whatever the folder names, Qwen 2's among them, and that adds
    # its special tokens: a folder that names the general class means its tokenizer.json as it stands.
    reader = PreTrainedTokenizerFast if tokenizer_class(folder) in GENERAL_CLASSES else AutoTokenizer
    try:
        tokenizer = reader.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    # transformers and its Rust core raise every kind of exception for a broken folder, also plain Exception.
    except Exception as error:
        raise _unreadable("tokenizer", folder, error) from error
    if not tokenizer.is_fast:
        raise LgaError(
            f"The tokenizer of {folder} gives no character offsets; subjects cannot be found in a prompt.",
            hint="Add a tokenizer.json (a fast tokenizer) to the folder.",
        )
    if tokenizer("a", return_special_tokens_mask=True)["special_tokens_mask"][-1]:
        last = tokenizer.convert_ids_to_tokens(tokenizer("a").input_ids[-1])
        raise LgaError(
            f"The tokenizer of {folder} puts {last!r} after every text: a prompt would have ended before its answer.",
            hint="Set add_eos_token to false there, or take the post-processor out of tokenizer.json.",
        )
    if tokenizer.pad_token_id is None:  # a batch's pads reach no number; integrated gradients begin at this token
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    return tokenizer


def _model(folder: Path, device: torch.device, dtype: torch.dtype, room: Mapping[int, int] | None) -> PreTrainedModel:
    placing: dict[str, Any] = {"device_map": None if device.type == "cpu" else {"": device}}
    if room:
        placing = {"device_map": "sequential", "max_memory": dict(room)}  # "auto" would not use all of it
    try:
        model, loading = _read(folder, placing, dtype, "sdpa")
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise out_of_memory(f"{folder} does not fit in the memory of {device}.") from error
    except Exception as error:  # as above
        if room and "offload" in str(error):  # a block more than the cards take
            raise out_of_memory(f"{folder} does not fit in the memory of {len(room)} cards.") from error
        raise _unreadable("model", folder, error) from error
    if room:
        compute_on(model, torch.device("cuda", 0))
    model.eval().requires_grad_(False)
    model.config.return_dict = True  # whatever its config.json says: outputs are asked for by name
    quantized.keep_gradients(model)
    prefer_few_rows(model)
    _check_causal(folder, model)
    # transformers fills what a file lacks with random numbers and only warns.
    if lacking := sorted(map(str, [*loading["missing_keys"], *loading["mismatched_keys"]])):
        raise LgaError(
            f"The weights in {folder} do not fit its config.json: {len(lacking)} lacking or misshapen, "
            f"first {lacking[0]}.",
            hint="Fetch or copy the model again.",
        )
    return model


def _read(folder: Path, placing: Mapping[str, Any], dtype: torch.dtype, attention: str) -> tuple[PreTrainedModel, dict]:
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            attn_implementation=attention,
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            **placing,
        )
    except ValueError as error:
        if attention == "sdpa" and "scaled_dot_product_attention" in str(error):
            return _read(folder, placing, dtype, "eager")  # a family without it
        raise


@torch.no_grad()
def _check_causal(folder: Path, model: PreTrainedModel) -> None:
    """Raise LgaError for an encoder, which transformers opens as a causal model with no more than a warning.

    And for numbers that are not finite, with which nothing can be told of the model.
    """
    device = model.get_input_embeddings().weight.device
    first, second = (
        model(input_ids=torch.tensor([[1, 2, 3, last]], device=device), use_cache=False).logits[0, :3]
        for last in (4, 5)
    )
    if not (first.isfinite().all() and second.isfinite().all()):
        raise LgaError(
            f"The model in {folder} gives numbers that are not finite in {str(model.dtype).removeprefix('torch.')}.",
            hint="Choose float32 or bfloat16 (--dtype); if it is the same there, fetch or copy the model again.",
        )
    # Packed kernels may round a row by what else is in the batch; an encoder's tokens move by far more.
    if (first - second).norm() > (5e-2 if quantized.kind_of(folder) else 1e-5) * first.norm():
        raise LgaError(
            f"{type(model).__name__} in {folder} is an encoder: its tokens see what comes after them.",
            hint="Name a decoder-only model (Llama, GPT-2, Gemma, …).",
        )


def _check_vocabulary(folder: Path, tokenizer: PreTrainedTokenizerFast, model: PreTrainedModel) -> None:
    """Raise LgaError where ordinary tokens have no embedding.

    Special ones may lack it, as Gemma 3's for images does in its text models: `Asking` refuses a text that holds one.
    """
    rows = model.get_input_embeddings().weight.shape[0]
    special = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    if max(set(tokenizer.get_vocab().values()) - special) >= rows:
        raise LgaError(
            f"The tokenizer of {folder} has more tokens than the model's {rows} embeddings.",
            hint="Put the tokenizer there that belongs to this model.",
        )


def _unreadable(part: str, folder: Path, error: Exception) -> LgaError:
    text = str(error).strip()
    if "trust_remote_code" in text or "custom code" in text:
        return LgaError(
            f"The {part} in {folder} needs code of its own, which is not run here.",
            hint="Use a model whose family transformers has built in.",
        )
    reason = text.splitlines()[0] if text else type(error).__name__
    return LgaError(
        f"transformers {transformers_version} cannot read the {part} in {folder}: {reason}",
        hint="Name a causal language model that this version knows, saved by save_pretrained.",
    )
