"""How fast a model reads and writes on this machine, tried on a few tokens where it was never measured."""

from time import perf_counter

import torch

from lga_core.models.loaded import LoadedModel
from lga_core.models.moments.rates import note_rate, rate
from lga_core.models.running.forward import final_hidden
from lga_core.models.running.generate import sampler, seed_of, stream
from lga_core.models.text.chat import Asking
from lga_core.models.text.own_text import CORPUS_BATCH, CORPUS_TOKENS, OPENINGS
from lga_core.models.text.tokens import Batch, TokenRow, prompt_row
from lga_core.progress import Phase, Progress, Reporter, silent

STEPS = 8  # tokens written in each row after the first, which reads the prompt
READING_ROWS = 4
SECONDS = 5.0  # no further step is begun after that


def try_rates(model: LoadedModel, *, report: Reporter = silent) -> None:
    """Measure what is not known yet of `rate(model, "writing")` and `rate(model, "reading")`, in seconds."""
    if rate(model, "writing") is None:
        _try_writing(model, report)
    if rate(model, "reading") is None:
        _try_reading(model)
    report(Progress(phase=Phase.SPEED, done=STEPS, total=STEPS))


def _try_writing(model: LoadedModel, report: Reporter) -> None:
    """As a corpus is sampled: that many rows together."""
    rows = [prompt_row(Asking(tokenizer=model.tokenizer), OPENINGS[i % len(OPENINGS)]) for i in range(CORPUS_BATCH)]
    pick = sampler([seed_of("rate", i) for i in range(len(rows))])
    steps = stream(model, rows, STEPS + 1, pick, past_ends=True)
    seconds = 0.0
    written = 0
    for step in range(STEPS + 1):
        with model.using("measuring the speed"):
            begin = perf_counter()
            next(steps)
            if step:  # the first one also warms up
                seconds += perf_counter() - begin
                written += len(rows)
        report(Progress(phase=Phase.SPEED, done=step, total=STEPS))
        if seconds > SECONDS:
            break
    note_rate(model, "writing", written, seconds)


@torch.no_grad()
def _try_reading(model: LoadedModel) -> None:
    """A few rows as long as those of a corpus; without the products k kᵀ, which small models hardly notice."""
    row = TokenRow(ids=tuple(1 + i % 100 for i in range(CORPUS_TOKENS)), start=CORPUS_TOKENS)
    batch = Batch.of([row] * READING_ROWS, model.device)
    with model.using("measuring the speed"):
        begin = perf_counter()
        hidden = final_hidden(model, batch)
        hidden[0, 0, 0].item()  # waits for a card, which is only told what to compute
        note_rate(model, "reading", READING_ROWS * CORPUS_TOKENS, perf_counter() - begin)
