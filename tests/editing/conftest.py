"""Tiny models' own text in many short rows: the second moments of a test take a tenth of the steps."""

import pytest

from lga_core.models.text import own_text


@pytest.fixture(autouse=True)
def short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_text, "CORPUS_TOKENS", 12)
