"""Fluency: how varied a text's words are, which falls when an edit makes a model repeat itself (METHOD.md §5)."""

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import partial

from lga_core.editing.edits import Edit, applied, applied_by_row
from lga_core.evaluation.generation import generate
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.generate import sampler, seed_of
from lga_core.models.sources.derived import derived_path, keep
from lga_core.models.text.tokens import prompt_row
from lga_core.progress import Phase, Reporter, silent

VERSION = 1  # of the kept texts
LENGTH = 100  # tokens of the continuation
TOP_K = 5  # each token is drawn among so many
_WORDS = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def fluency(text: str) -> float | None:
    """(H₂ + 2·H₃)/3 in bits, ×100, of the word n-grams; None for fewer than 3 words (ROME §3.4, GE).

    Words as ROME's tokenizer finds them: a punctuation mark is a word of its own.
    """
    words = _WORDS.findall(text)
    if len(words) < 3:
        return None
    return 100 * (_entropy(words, 2) + 2 * _entropy(words, 3)) / 3


def continuation(
    model: LoadedModel, prompt: str, edits: Sequence[Edit], seed: int, *, report: Reporter = silent
) -> str:
    """LENGTH tokens after the prompt, sampled among the TOP_K most probable; goes on after an end token.

    Reports after each token. What the unedited model writes is kept.
    """
    key = seed_of(prompt, seed, LENGTH, TOP_K, str(model.dtype), model.device.type)
    path = derived_path(model, f"continuations/v{VERSION}-{key:x}.json")
    if not edits and path.exists():
        return json.loads(path.read_text())
    (ids,) = generate(
        model,
        [prompt_row(model.tokenizer, prompt)],
        LENGTH,
        sampler([seed_of("fluency", seed)], top_k=TOP_K),
        partial(applied, model, edits),
        phase=Phase.FLUENCY,
        detail="after the edit" if edits else "before the edit",
        past_ends=True,
        report=report,
    )
    text = model.tokenizer.decode(ids, skip_special_tokens=True)
    if not edits:
        keep(path, lambda place: place.write_text(json.dumps(text)))
    return text


def texts_after(
    model: LoadedModel, prompts: Sequence[str], edits: Sequence[Sequence[Edit]], seed: int, *, report: Reporter = silent
) -> list[str]:
    """What `continuation` writes after each prompt under that prompt's own edits.

    In one batch where each prompt has one edit, all of the same matrix, else one prompt after the other.
    """
    single = [own[0] for own in edits if len(own) == 1]
    if len(single) < len(prompts) or len({edit.matrix for edit in single}) > 1:
        return [
            continuation(model, prompt, own, seed, report=report) for prompt, own in zip(prompts, edits, strict=True)
        ]
    texts = generate(
        model,
        [prompt_row(model.tokenizer, prompt) for prompt in prompts],
        LENGTH,
        sampler([seed_of("fluency", seed)] * len(prompts), top_k=TOP_K),
        partial(applied_by_row, model, single),
        phase=Phase.FLUENCY,
        detail="after the edits",
        past_ends=True,
        report=report,
    )
    return [model.tokenizer.decode(ids, skip_special_tokens=True) for ids in texts]


def _entropy(words: Sequence[str], n: int) -> float:
    """Entropy in bits of the n-grams' distribution."""
    counts = Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
    total = counts.total()
    return sum(count / total * math.log2(total / count) for count in counts.values())
