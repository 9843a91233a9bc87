"""Text that the model writes itself, sampled and seeded: prefixes for editing contexts, and a corpus for moments."""

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

from lga_core.models.loaded import LoadedModel
from lga_core.models.running.generate import generate, sampler, seed_of
from lga_core.models.sources.derived import derived_path, dtype_part, keep, kept_json
from lga_core.models.text.chat import Asking
from lga_core.models.text.tokens import TokenRow, prompt_row
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.resources import ASSETS

VERSION = 1  # of the corpus
PREFIX_VERSION = 2
SHIPPED = ASSETS / "demo" / "text"  # of the models of the recorded example, by fingerprint as in the cache folder
OPENINGS = ("The", "In", "I", "It was", "Many people", "When", "Because", "There is", "You", "For")
PREFIX_TOKENS = (5, 7, 8, 10)  # sampled after an opening; cycled where more prefixes are asked for
CORPUS_BATCH, CORPUS_TOKENS = 64, 128  # rows sampled together, tokens of each


def prefixes(model: LoadedModel, count: int, seed: int, *, report: Reporter = silent) -> tuple[str, ...]:
    """`count` short beginnings of texts, to stand before a prompt as "{prefix}. {prompt}" (ROME §3.1)."""
    if count == 0:
        return ()
    path = prefixes_path(model, count, seed)
    if (known := kept_json(path, tuple[str, ...])) is not None:
        return known
    lengths = [PREFIX_TOKENS[i % len(PREFIX_TOKENS)] for i in range(count)]
    openings = [OPENINGS[i % len(OPENINGS)] for i in range(count)]
    rows = [prompt_row(Asking(tokenizer=model.tokenizer), opening) for opening in openings]
    pick = sampler([seed_of("prefix", seed, i) for i in range(count)])
    sampled = generate(model, rows, max(lengths), pick, phase=Phase.OWN_TEXT, detail="prefixes", report=report)
    texts = []
    for row, length, ids in zip(rows, lengths, sampled, strict=True):
        # Together: tokenizers of Llama 2's kind drop the space before the first token that they decode.
        text = model.tokenizer.decode([*row.ids, *ids[:length]], skip_special_tokens=True)
        texts.append(" ".join(text.split()))
    keep(path, lambda place: place.write_text(json.dumps(texts)))
    return tuple(texts)


def prefixes_path(model: LoadedModel, count: int, seed: int) -> Path:
    """Where so many prefixes of that seed are kept, once they are sampled."""
    return _place(model, f"prefixes-v{PREFIX_VERSION}-n{count}-s{seed}{dtype_part(model.dtype)}.json")


def corpus_path(model: LoadedModel, tokens: int, seed: int) -> Path:
    """Where the corpus of that size and seed is kept, once it is sampled."""
    return _place(model, f"corpus-v{VERSION}-n{tokens}-s{seed}{dtype_part(model.dtype)}.json")


def _place(model: LoadedModel, name: str) -> Path:
    """Where a text is kept. One that comes with the code is put there first: nobody has to wait for its sampling."""
    path = derived_path(model, name)
    shipped = SHIPPED / path.parent.name / name
    if shipped.is_file() and not path.exists():
        keep(path, lambda place: shutil.copyfile(shipped, place))
    return path


def corpus(model: LoadedModel, tokens: int, seed: int, *, report: Reporter = silent) -> tuple[TokenRow, ...]:
    """Rows of sampled text with at least `tokens` tokens in all; reports after each token of a batch.

    Rows go on after an end token: packed documents, and every row has its full length. What a stopped run had
    finished, batch by batch, is kept and gone on from.
    """
    path = corpus_path(model, tokens, seed)
    texts = kept_json(path, list[list[int]])
    if texts is None:
        part = derived_path(model, f"{path.stem}-part.json")
        texts = kept_json(part, list[list[int]]) or []
        count = -(-tokens // CORPUS_TOKENS)
        for first in range(len(texts), count, CORPUS_BATCH):
            texts += _sample(model, range(first, min(first + CORPUS_BATCH, count)), count, seed, report)
            keep(part if len(texts) < count else path, partial(Path.write_text, data=json.dumps(texts)))
        part.unlink(missing_ok=True)
    return tuple(TokenRow(ids=tuple(ids), start=len(ids)) for ids in texts)


def _sample(model: LoadedModel, numbers: range, count: int, seed: int, report: Reporter) -> list[list[int]]:
    """The rows of these numbers among `count`, each with its own seed."""
    rows = [prompt_row(Asking(tokenizer=model.tokenizer), OPENINGS[i % len(OPENINGS)]) for i in numbers]
    pick = sampler([seed_of("corpus", seed, i) for i in numbers])

    def report_tokens(step: Progress) -> None:
        written = numbers.start * CORPUS_TOKENS + step.done * len(numbers)
        report(replace(step, done=written, total=count * CORPUS_TOKENS))

    texts = generate(model, rows, CORPUS_TOKENS, pick, phase=Phase.OWN_TEXT, past_ends=True, report=report_tokens)
    return [[*row.ids, *text] for row, text in zip(rows, texts, strict=True)]
