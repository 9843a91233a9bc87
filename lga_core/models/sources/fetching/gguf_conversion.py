"""The part of a conversion that reads the model with transformers; `convert` runs it in a process of its own.

python -m lga_core.models.sources.fetching.gguf_conversion FILE.gguf FOLDER MARK
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def write_folder(gguf: Path, target: Path) -> Iterator[str]:
    """Read `gguf` and write config, weights and tokenizer to `target`; yields the name of each finished step."""
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name, local_files_only=True)
    tokenizer.save_pretrained(target)
    _slim_tokenizer(target, tokenizer.padding_side)
    yield "tokenizer"
    read = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, local_files_only=True
    )
    yield "weights"
    # A model read from GGUF counts as quantized and refuses to be saved; a fresh one with its weights does not.
    config = type(read.config).from_dict(
        {key: value for key, value in read.config.to_dict().items() if key != "quantization_config"}
    )
    with torch.device("meta"):
        fresh = type(read)(config)
    fresh.load_state_dict(read.state_dict(), assign=True)
    fresh.tie_weights()
    fresh.generation_config = read.generation_config
    fresh.save_pretrained(target)
    yield "saving"


def _slim_tokenizer(target: Path, padding_side: str) -> None:
    """Halve the time that a large vocabulary takes to load: compact JSON, and no class that builds it all anew."""
    vocabulary = target / "tokenizer.json"
    settings = target / "tokenizer_config.json"
    content = json.loads(vocabulary.read_text(encoding="utf-8"))
    vocabulary.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")
    # tokenizer.json says everything that the family's own class would, but for the padding side.
    config = {
        **json.loads(settings.read_text(encoding="utf-8")),
        "tokenizer_class": "PreTrainedTokenizerFast",
        "padding_side": padding_side,
    }
    settings.write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    source, folder, mark = sys.argv[1:]
    for step in write_folder(Path(source), Path(folder)):
        sys.stdout.write(f"{mark}{step}\n")
        sys.stdout.flush()
