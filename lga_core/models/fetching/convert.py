"""A GGUF file becomes a plain transformers folder: float32 safetensors, which load thirty times faster.

Float32 because the quantized values, once expanded, are not exact in bfloat16 (up to 0.2 % of the largest weight of
SmolLM2's embedding would be lost), and because a float32 file loads on a CPU without any conversion.
"""

import json
import os
import signal
import sys
from collections.abc import Generator
from pathlib import Path

from lga_core.errors import LgaError
from lga_core.models import files
from lga_core.models.fetching.child import ChildFailed, watch
from lga_core.results import Progress

STEPS = ("tokenizer", "weights", "saving")
MARK = "finished: "
KILLED = -signal.SIGKILL if hasattr(signal, "SIGKILL") else None     # what Linux does to the largest process


def convert(gguf: Path, target: Path, title: str, log: Path) -> Generator[Progress, None, None]:
    """Convert in a process of its own, which gives its memory back and can be stopped; one step per look.

    Raises LgaError when the disk is full or the file is not a GGUF model that transformers can read.
    """
    paths = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
    watched = watch("lga_core.models.fetching.convert", [str(gguf), str(target)], log=log,
                    measure=lambda: _finished(log),
                    env={"PYTHONPATH": os.pathsep.join(paths), "TRANSFORMERS_VERBOSITY": "error",
                         "HF_HUB_OFFLINE": "1"})
    label = f"Converting {title}, once"
    try:
        for done in watched:
            yield Progress(label=label, done=done, total=len(STEPS))
    except ChildFailed as failed:
        if files.tells_no_room(failed.output):
            raise files.no_room(f"The disk is full: {title} could not be converted.") from failed
        if failed.code == KILLED:
            raise LgaError(f"{gguf.name} was stopped while it was converted, most likely for want of memory.",
                           mend="Close other programs, or choose a smaller model.") from failed
        raise LgaError(f"{gguf.name} could not be converted: {failed.last_line}.",
                       mend="Use a GGUF file of a model family that transformers reads (Llama, Gemma 3, GPT-2, …).",
                       ) from failed
    yield Progress(label=label, done=len(STEPS), total=len(STEPS))


def _finished(log: Path) -> int:
    return log.read_text(encoding="utf-8", errors="replace").count(MARK)


def write_folder(gguf: Path, target: Path) -> Generator[str, None, None]:
    """Read `gguf` and write config, weights and tokenizer to `target`; yields each of STEPS when it is done."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True)
    tokenizer.save_pretrained(target)
    _slim_tokenizer(target, tokenizer.padding_side)
    yield STEPS[0]
    read = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32,
                                                local_files_only=True)
    yield STEPS[1]
    # A model read from GGUF counts as quantized and refuses to be saved; a fresh one with its weights does not.
    config = type(read.config).from_dict(
        {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"})
    with torch.device("meta"):
        fresh = type(read)(config)
    fresh.load_state_dict(read.state_dict(), assign=True)
    fresh.tie_weights()
    fresh.generation_config = read.generation_config
    fresh.save_pretrained(target)
    yield STEPS[2]


def _slim_tokenizer(target: Path, padding_side: str) -> None:
    """Halve the time that a large vocabulary takes to load: compact JSON, and no class that builds it all anew."""
    vocabulary, settings = target / "tokenizer.json", target / "tokenizer_config.json"
    content = json.loads(vocabulary.read_text(encoding="utf-8"))
    vocabulary.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    # tokenizer.json says everything that the family's own class would, but for the padding side.
    config = {**json.loads(settings.read_text(encoding="utf-8")), "tokenizer_class": "PreTrainedTokenizerFast",
              "padding_side": padding_side}
    settings.write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    for step in write_folder(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"{MARK}{step}\n")
        sys.stdout.flush()
