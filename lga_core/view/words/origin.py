"""What a number was measured with, as the rows of a table."""

from collections.abc import Iterator, Mapping
from typing import Any

from lga_core.results import Stored
from lga_core.view.words.runs import chat_words


def origin_rows(stored: Stored) -> dict[str, str]:
    """Where the answer is from, the question that it answers, and the versions of what computed it."""
    source = stored.provenance
    return {
        "answered": "from the store" if stored.from_store else "computed now" if stored.complete else "in part",
        "rows": f"{stored.rows}, {stored.reused} from the store",
        "model": source.model,
        "model fingerprint": source.model_fingerprint[:16],
        "prompts": chat_words(source.chat),
        "facts": source.facts,
        "facts fingerprint": source.facts_fingerprint[:16],
        "settings": ", ".join(_settings(source.settings)) or "none",
        "version": str(source.method_version),
        "packages": ", ".join(f"{name} {version}" for name, version in source.packages.items()),
        "machine": source.machine,
        "created": source.created,
        "key": source.key[:16],
    }


def _settings(settings: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Each setting with its value, those inside others under both names."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{within}{name} ")
        else:
            yield f"{within}{name} {'default' if value is None else value}"
