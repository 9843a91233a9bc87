"""Fluency: how varied a text's words are, which falls when an edit makes a model repeat itself (METHOD.md §5)."""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from lga_core.editing.edits import Edit, applied, applied_by_row
from lga_core.evaluation.metrics.unedited import is_asked_anew
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.generate import Edited, generate, sampler, seed_of
from lga_core.models.sources.derived import derived_path, keep, kept_json
from lga_core.models.text.tokens import prompt_row
from lga_core.progress import Phase, Reporter, silent

VERSION = 1  # of the kept texts
LENGTH = 100  # tokens of the continuation
TOP_K = 5  # each token is drawn among so many
_WORDS = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def fluency(text: str) -> float | None:
    """(H₂ + 2·H₃)/3 in bits, ×100, of the word n-grams; None for fewer than 3 words (ROME §3.4, GE).

    A punctuation mark is a word of its own, as in ROME's tokenizer (nltk). That one splits "don't" in two; here it is
    one word.
    """
    words = _WORDS.findall(text)
    if len(words) < 3:
        return None
    return 100 * (_entropy(words, 2) + 2 * _entropy(words, 3)) / 3


def continuation(
    model: LoadedModel, prompt: str, edits: Sequence[Edit], seed: int, *, report: Reporter = silent
) -> str:
    """LENGTH tokens after the prompt, sampled among the TOP_K most probable; goes on after an end token.

    Reports after each token.
    """
    return texts_under(model, [prompt], edits, seed, report=report)[0]


def continuations(
    model: LoadedModel, prompt: str, edits: Sequence[Edit], seed: int, *, report: Reporter = silent
) -> tuple[str, str]:
    """`continuation` without the edits, which is kept, and with them; in one batch where the former is not there."""
    path = _path(model, prompt, seed)
    kept = None if is_asked_anew() else kept_json(path, str)
    if kept is not None:
        return kept, continuation(model, prompt, edits, seed, report=report)
    both = partial(applied, model, edits, first_row=1)
    before, after = _sampled(model, [prompt] * 2, seed, both, "before and after the edit", report)
    if not is_asked_anew():
        keep(path, lambda place: place.write_text(json.dumps(before)))
    return before, after


def texts_under(
    model: LoadedModel, prompts: Sequence[str], edits: Sequence[Edit], seed: int, *, report: Reporter = silent
) -> list[str]:
    """What `continuation` writes after each prompt, all of them under the same edits, in one batch."""
    detail = "after the edit" if edits else "before the edit"
    return _sampled(model, prompts, seed, partial(applied, model, edits), detail, report)


def texts_after(
    model: LoadedModel, prompts: Sequence[str], edits: Sequence[Edit], seed: int, *, report: Reporter = silent
) -> list[str]:
    """What `continuation` writes after each prompt under that prompt's own edit, all of one matrix, in one batch."""
    return _sampled(model, prompts, seed, partial(applied_by_row, model, edits), "after the edit", report)


def _sampled(
    model: LoadedModel, prompts: Sequence[str], seed: int, edited: Edited, detail: str, report: Reporter
) -> list[str]:
    """LENGTH tokens after each prompt, each row with the same random numbers."""
    texts = generate(
        model,
        [prompt_row(model.asking, prompt) for prompt in prompts],
        LENGTH,
        sampler([seed_of("fluency", seed)] * len(prompts), top_k=TOP_K),
        edited,
        phase=Phase.FLUENCY,
        detail=detail,
        past_ends=True,
        report=report,
    )
    return [model.tokenizer.decode(ids, skip_special_tokens=True) for ids in texts]


def _path(model: LoadedModel, prompt: str, seed: int) -> Path:
    """Where the unedited model's text is kept."""
    key = seed_of(prompt, seed, LENGTH, TOP_K, str(model.dtype), model.device.type, *model.asked_through)
    return derived_path(model, f"continuations/v{VERSION}-{key:x}.json")


def _entropy(words: Sequence[str], n: int) -> float:
    """Entropy in bits of the n-grams' distribution."""
    counts = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    total = counts.total()
    return sum(count / total * math.log2(total / count) for count in counts.values())
