"""What can be told of a model without its weights, by the catalogue and by its files."""

from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.models.sources import checkpoint
from lga_core.models.sources.catalogue import OTHER, OTHER_TITLE, catalogue, local_folder, resolve
from lga_core.models.sources.entry import ModelEntry, Wheel
from lga_core.models.sources.files import gigabytes
from lga_core.models.text.preview import has_chat_template, token_preview
from lga_core.view.words.text import count, shorten


def choice_title(name: str) -> str:
    """What a choice of the sidebar's list of models is called, also in the address."""
    return OTHER_TITLE if name == OTHER else next(entry.title for entry in catalogue() if entry.id == name)


def title_or_name(name: str, width: int = 40) -> str:
    """The model's title, in at most `width` columns; its name where there is no such model any more."""
    try:
        return shorten(resolve(name).title, width)
    except LgaError:  # a folder that was moved
        return shorten(name, width)


def about_model(entry: ModelEntry, *, here: bool) -> list[str]:
    """What is known of the model, in parts: layers, size, licence, how it comes, its note. `here`: it was fetched."""
    parts: list[str | None] = []
    if entry.layers:
        parts.append(count(entry.layers, "layer"))
    if entry.parameters:
        parts += [parameters_in_words(entry.parameters), gigabytes(entry.memory_bytes)]
    if entry.licence:
        parts.append(entry.licence.name)
    if not here:
        size = sum(item.bytes for item in entry.origin.packages) if isinstance(entry.origin, Wheel) else None
        parts.append(f"fetched on first use{f', {gigabytes(size)}' if size else ''}")
    return [*filter(None, [*parts, entry.note])]


def parameters_in_words(number: int) -> str:
    """The number of parameters in three digits or fewer: "135 M parameters", "1.6 B parameters"."""
    if number >= 1e9:
        return f"{number / 1e9:.1f} B parameters"
    return f"{number / 1e6:.0f} M parameters" if number >= 1e6 else f"{number / 1e3:.0f} k parameters"


def known_layers(name: str) -> int | None:
    """How many layers the model has; None where neither its files nor the catalogue say so."""
    entry = resolve(name)
    folder = local_folder(entry)
    try:
        return (checkpoint.layers(folder) if folder is not None else None) or entry.layers
    except LgaError:  # the folder was removed or is half written: loading it says so
        return entry.layers


def prompt_tokens(name: str, fact: Fact) -> tuple[tuple[str, ...], tuple[int, int]] | None:
    """A prompt's tokens and its subject's span (first, end), from the model's files; None where they are not here."""
    entry = resolve(name)
    folder = local_folder(entry)
    return None if folder is None else token_preview(folder, fact.prompt, fact.span, chat=entry.chat)


def can_chat(name: str) -> bool | None:
    """Whether the model's tokenizer has a chat template; None where its files are not here."""
    folder = local_folder(resolve(name))
    return None if folder is None else has_chat_template(folder)
