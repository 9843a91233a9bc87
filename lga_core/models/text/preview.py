"""A prompt's tokens from the tokenizer's own files, without loading a model: what a page shows while someone types."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

from tokenizers import Tokenizer

from lga_core.models.sources.fetching.child import own_modules
from lga_core.models.text.chat import ChatTemplate, asked_place, asked_text, overlapping
from lga_core.paths import read_small

SETTINGS = "tokenizer_config.json"
TEMPLATE = "chat_template.jinja"
TEMPLATE_SECONDS = 120.0  # for reading one, two of which it takes to start


def token_preview(
    folder: Path, prompt: str, span: tuple[int, int], *, chat: bool = False
) -> tuple[tuple[str, ...], tuple[int, int]] | None:
    """A prompt's tokens as readable text, and which of them are the subject's, [first, end).

    What `tokens.token_texts` and `tokens.subject_span` give for the loaded model; `span`: the subject's characters;
    `chat`: in the chat template. None where the folder has no tokenizer.json or template that can be read, or where no
    token overlaps the span.
    """
    path = folder / "tokenizer.json"
    template = chat_template(folder) if chat else None
    if not path.is_file() or (chat and template is None):
        return None
    try:
        tokenizer = _tokenizer(path, path.stat().st_mtime_ns)
    except Exception:  # noqa: BLE001       # the library raises nothing more special for a broken file
        return None
    encoding = tokenizer.encode(asked_text(template, prompt), add_special_tokens=template is None)
    inside = overlapping(encoding.offsets, asked_place(template, prompt, span))
    return None if inside is None else (tuple(_text(tokenizer, token) for token in encoding.ids), inside)


def has_chat_template(folder: Path) -> bool:
    """Whether the tokenizer comes with a template that puts a chat's marks around a message."""
    if (folder / TEMPLATE).is_file():
        return True
    try:
        settings = json.loads(read_small(folder / SETTINGS))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(settings, dict) and bool(settings.get("chat_template"))


def chat_template(folder: Path) -> ChatTemplate | None:
    """What the template in a tokenizer's files puts around a prompt; None where there is none that can be used."""
    if not has_chat_template(folder):
        return None
    files = (folder / name for name in ("tokenizer.json", SETTINGS, TEMPLATE))
    try:
        return _template(folder, tuple(path.stat().st_mtime_ns if path.is_file() else 0 for path in files))
    except OSError:  # no process could be started: tried again when it is asked for next
        return None


@functools.lru_cache(maxsize=4)
def _template(folder: Path, _changed: tuple[int, ...]) -> ChatTemplate | None:
    """In a process that can be ended: what a page shows must not wait for ever for somebody's template.

    Raises OSError where none can be started.
    """
    command = [sys.executable, "-P", "-m", "lga_core.models.text.template_child", str(folder)]
    env = {**os.environ, **own_modules()}
    try:
        child = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TEMPLATE_SECONDS, check=True, env=env
        )
        return ChatTemplate(**json.loads(child.stdout.splitlines()[-1]))
    except subprocess.SubprocessError:  # who asks through it is told why
        return None


@functools.lru_cache(maxsize=2)
def _tokenizer(path: Path, _changed: int) -> Tokenizer:
    """Read again only after the file has changed: a large vocabulary takes a second."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _text(tokenizer: Tokenizer, token: int) -> str:
    """A token that is part of a character shows its vocabulary entry."""
    text = tokenizer.decode([token], skip_special_tokens=False)
    return text if "\ufffd" not in text else tokenizer.id_to_token(token)
