"""Reads a chat template in a process of its own: `python -m lga_core.models.text.template_child FOLDER`.

A template is a program by whoever made the model, and jinja's sandbox bounds neither its time nor its memory. It ends
with an error where there is no template that can be used; else its last line is the ChatTemplate as JSON.
"""

import json
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from lga_core.models.text.chat import ChatTemplate

MEMORY_BYTES = 4 * 2**30
CPU_SECONDS = 60


def bound() -> None:
    """Limit what this process may take, where the system has such limits."""
    with suppress(ImportError, ValueError, OSError):  # not on Windows; a lower limit holds already
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    bound()
    from transformers import PreTrainedTokenizerFast

    folder = Path(sys.argv[1])
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    print(json.dumps(asdict(ChatTemplate.of(tokenizer, folder.name))))
