"""The files of a folder's tokenizer: which of them decide about tokens, and what they say of where a text ends."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lga_core.errors import LgaError
from lga_core.models.sources.json_files import file_state, read_json, read_optional

WHOLE = "tokenizer.json"
SETTINGS = "tokenizer_config.json"
SPECIAL_TOKENS = "special_tokens_map.json"
ADDED_TOKENS = "added_tokens.json"
VOCABULARIES = (WHOLE, "tokenizer.model", "vocab.json")
BESIDE = ("merges.txt", SETTINGS, SPECIAL_TOKENS, ADDED_TOKENS)
NAMING_TOKENS = (WHOLE, SETTINGS, SPECIAL_TOKENS, ADDED_TOKENS)
GENERAL_CLASSES = ("TokenizersBackend", "PreTrainedTokenizerFast")  # one class, which is no family's, by both its names
HEAD = 1 << 22  # characters of tokenizer.json that hold its added tokens, with the special ones


def tokenizer_class(folder: Path) -> str | None:
    """The class that the folder names for its tokenizer.json; None where it names none, or has no such file.

    Raises LgaError for settings that cannot be read.
    """
    settings = folder / SETTINGS
    if not settings.is_file() or not (folder / WHOLE).is_file():
        return None
    named = read_json(settings).get("tokenizer_class")
    return named if isinstance(named, str) else None


def deciding_files(folder: Path) -> tuple[str, ...]:
    """Names of the files that decide which tokens a text has, whether there or not.

    Without a tokenizer.json transformers builds the tokenizer of all the others. A family's class takes its vocabulary
    from tokenizer.json and builds the rest by the settings beside it, add_prefix_space among them. The general class
    takes tokenizer.json as it stands, so that nothing else counts unless the settings have tokens of their own.
    """
    try:
        general = tokenizer_class(folder) in GENERAL_CLASSES
    except LgaError:  # a load says what is wrong with them
        general = False
    if general and not _settings_have_tokens(folder, tuple(_state(folder / name) for name in NAMING_TOKENS)):
        return VOCABULARIES
    return (*VOCABULARIES, *BESIDE)


def other_ends(folder: Path, config: Mapping[str, Any]) -> dict[str, list[str]]:
    """What ends a text or pads it by generation_config.json and the tokenizer's settings, "file: token" -> ids, where
    `config`, the content of config.json, states other tokens.

    Where they agree, as in what save_pretrained and the catalogue's conversion write, there is nothing here. Without a
    tokenizer.json its settings count whole: `deciding_files`. A token without an id there is named by its text.
    """
    parts = (config.get("text_config") or {}, config)
    named = {"generation_config.json: eos_token": read_optional(folder / "generation_config.json").get("eos_token_id")}
    if (folder / WHOLE).is_file():
        known = _added_tokens(folder / WHOLE)
        for name in (SETTINGS, SPECIAL_TOKENS):
            settings = read_optional(folder / name)
            for token in ("eos_token", "pad_token"):
                text = _text(settings.get(token))
                named[f"{name}: {token}"] = known[text]["id"] if text in known else text
    other = {}
    for where, token in named.items():
        key = f"{where.partition(': ')[2]}_id"
        in_config = next((part[key] for part in parts if part.get(key) is not None), None)
        if token is not None and _listed(token) != _listed(in_config):
            other[where] = _listed(token)
    return other


def _listed(token: object) -> list[str]:
    """One id or several, each once and in order."""
    return sorted({str(one) for one in (token if isinstance(token, list) else [token])})


@functools.lru_cache(maxsize=16)
def _settings_have_tokens(folder: Path, _states: tuple[str, ...]) -> bool:
    """Whether the settings have tokens that tokenizer.json lacks or describes otherwise, or split its special ones.

    Every class follows them in that. Compared again only after a file has changed: there may be thousands of tokens.
    """
    known = _added_tokens(folder / WHOLE)
    settings = read_optional(folder / SETTINGS)
    named: list[object] = list(read_optional(folder / ADDED_TOKENS))
    for some in (settings, read_optional(folder / SPECIAL_TOKENS)):
        for name, value in some.items():
            if name.endswith("_tokens"):
                named += _members(value)
            elif name.endswith("_token"):
                named.append(value)
    texts = {text for token in named if (text := _text(token)) is not None}
    described = _members(settings.get("added_tokens_decoder"))
    return bool(
        settings.get("split_special_tokens")
        or not texts <= known.keys()
        or not all(_describes(token, known) for token in described)
    )


def _state(path: Path) -> str:
    return file_state(path) if path.is_file() else ""


def _describes(token: object, known: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether it is one of these tokens, with the same flags."""
    same = known.get(_text(token) or "")
    return isinstance(token, dict) and same is not None and {"id": same["id"], **token} == same


def _members(value: object) -> list[object]:
    """The tokens of a list, or of an object that names each."""
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _text(token: object) -> str | None:
    """A token's text, where it is given as that or described as an object."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None


def _added_tokens(path: Path) -> Mapping[str, Mapping[str, Any]]:
    """Text -> description (id, content, …) of the tokens beside the vocabulary of a tokenizer.json."""
    try:
        return _read_added_tokens(path, file_state(path))
    except (ValueError, RecursionError, OSError, TypeError, KeyError):  # a load says what is wrong with it
        return {}


@functools.lru_cache(maxsize=8)
def _read_added_tokens(path: Path, _state: str) -> Mapping[str, Mapping[str, Any]]:
    """They stand at the beginning. Read again only after the file has changed: a large one takes some 70 ms."""
    with path.open(encoding="utf-8") as file:
        text = file.read(HEAD)
    added, _end = json.JSONDecoder().raw_decode(text, text.index("[", text.index('"added_tokens"')))
    return {token["content"]: {"id": token["id"], **token} for token in added}
