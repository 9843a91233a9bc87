"""Fluency: how varied a text's words are, which falls when an edit makes a model repeat itself (METHOD §5)."""

import json
import math
import re
from collections import Counter
from collections.abc import Generator, Sequence

from lga_core.editing.edits import Edit, applied, applied_by_row
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


def texts_after(model: LoadedModel, prompts: Sequence[str], edits: Sequence[Sequence[Edit]],
                seed: int) -> Generator[Progress, None, list[str]]:
    """What `continuation` writes after each prompt under that prompt's own edits.

    Together where each has one edit, all of the same matrix, else one prompt after the other.
    """
    alone = [own[0] for own in edits if len(own) == 1]
    if len(alone) == len(prompts) and len({edit.matrix for edit in alone}) == 1:
        return (yield from _together(model, prompts, alone, seed))
    texts = []
    for prompt, own in zip(prompts, edits, strict=True):
        texts.append((yield from continuation(model, prompt, own, seed)))
    return texts


def _together(model: LoadedModel, prompts: Sequence[str], edits: Sequence[Edit],
              seed: int) -> Generator[Progress, None, list[str]]:
    pick = sampler([seed_of("fluency", seed)] * len(prompts), top_k=TOP_K)
    steps = stream(model, [prompt_row(model.tokenizer, prompt) for prompt in prompts], LENGTH, pick, past_ends=True)
    label, ids = "continuing the prompts after the edits", [[] for _ in prompts]
    for done in range(1, LENGTH + 1):
        with model.using(label), applied_by_row(model, edits):
            for text, token in zip(ids, next(steps), strict=True):
                text.append(token)
        yield Progress(label=label, done=done, total=LENGTH)
    return [model.tokenizer.decode(text, skip_special_tokens=True) for text in ids]


def _entropy(words: Sequence[str], n: int) -> float:
    """Entropy in bits of the n-grams' distribution."""
    counts = Counter(tuple(words[i:i + n]) for i in range(len(words) - n + 1))
    total = counts.total()
    return sum(count / total * math.log2(total / count) for count in counts.values())
