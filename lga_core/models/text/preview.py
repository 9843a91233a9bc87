"""A prompt's tokens from the tokenizer's own files, without loading a model: what a page shows while someone types."""

import functools
import json
from pathlib import Path

from tokenizers import Tokenizer

SETTINGS = "tokenizer_config.json"


def token_preview(folder: Path, prompt: str, span: tuple[int, int]) -> tuple[tuple[str, ...], tuple[int, int]] | None:
    """A prompt's tokens as readable text, and which of them are the subject's, [first, end).

    What `tokens.token_texts` and `tokens.subject_span` give for the loaded model; `span`: the subject's characters.
    None where the folder has no tokenizer.json that can be read, or where no token overlaps the span.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        return None
    try:
        tokenizer = _tokenizer(path, path.stat().st_mtime_ns)
    except Exception:  # noqa: BLE001       # the library raises nothing more special for a broken file
        return None
    encoding = tokenizer.encode(prompt)
    inside = [i for i, (first, end) in enumerate(encoding.offsets) if first < span[1] and end > span[0] and end > first]
    if not inside:
        return None
    return tuple(_text(tokenizer, token) for token in encoding.ids), (inside[0], inside[-1] + 1)


def has_chat_template(folder: Path) -> bool:
    """Whether the tokenizer comes with a template that puts a chat's marks around a message."""
    if (folder / "chat_template.jinja").is_file():
        return True
    try:
        settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(settings, dict) and bool(settings.get("chat_template"))


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
