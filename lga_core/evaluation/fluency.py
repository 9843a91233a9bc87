"""Fluency: how varied a text's words are, which falls when an edit makes a model repeat itself (METHOD §5)."""

import json
import math
import re
from collections import Counter
from collections.abc import Generator, Sequence

from lga_core.editing.edits import Edit, applied
from lga_core.models.derived import derived_path, keep
from lga_core.models.generate import sampler, seed_of, stream
from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import prompt_row
from lga_core.results import Progress

VERSION = 1                                  # of the kept texts
LENGTH, TOP_K = 100, 5                       # tokens of the continuation, and among how many each is drawn
_WORDS = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")


def fluency(text: str) -> float | None:
    """(H₂ + 2·H₃)/3 in bits, ×100, of the word n-grams; None for fewer than 3 words (ROME §3.4, GE).

    Words as ROME's tokenizer finds them: a mark of punctuation is one of its own.
    """
    words = _WORDS.findall(text)
    if len(words) < 3:
        return None
    return 100 * (_entropy(words, 2) + 2 * _entropy(words, 3)) / 3


def continuation(model: LoadedModel, prompt: str, edits: Sequence[Edit],
                 seed: int) -> Generator[Progress, None, str]:
    """LENGTH tokens after the prompt, sampled among the TOP_K most probable; goes on after an end token.

    The edits are applied within a step only; yields after each token. What the unedited model writes is kept.
    """
    question = seed_of(prompt, seed, LENGTH, TOP_K, str(model.dtype), model.device.type)
    path = derived_path(model, f"continuations/v{VERSION}-{question:x}.json")
    if not edits and path.exists():
        return json.loads(path.read_text())
    pick = sampler([seed_of("fluency", seed)], top_k=TOP_K)
    steps = stream(model, [prompt_row(model.tokenizer, prompt)], LENGTH, pick, past_ends=True)
    label = "continuing the prompt after the edit" if edits else "continuing the prompt before the edit"
    ids: list[int] = []
    for done in range(1, LENGTH + 1):
        with model.using(label), applied(model, edits):
            ids += next(steps)
        yield Progress(label=label, done=done, total=LENGTH)
    text = model.tokenizer.decode(ids, skip_special_tokens=True)
    if not edits:
        keep(path, lambda place: place.write_text(json.dumps(text)))
    return text


def _entropy(words: Sequence[str], n: int) -> float:
    """Entropy in bits of the n-grams' distribution."""
    counts = Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))
    total = counts.total()
    return sum(count / total * math.log2(total / count) for count in counts.values())
