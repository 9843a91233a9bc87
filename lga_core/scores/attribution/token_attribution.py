"""Which prompt tokens an answer comes from: Captum's integrated gradients on the embedding (METHOD.md §3)."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerIntegratedGradients, LLMGradientAttribution, TextTokenInput
from torch import nn

from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.structure.quantized import require_gradients
from lga_core.models.text.tokens import TokenRow, answer_row, prompt_row, token_texts
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Cost, KnownFactCheck, OldSource, TokenAttribution
from lga_core.scores.answer_pairs import given_old_answer, old_answer
from lga_core.scores.attribution.layer_attribution import blank_token, kept_positions, steps_at_once
from lga_core.scores.settings import TOKEN_ATTRIBUTION_STEPS
from lga_core.scores.steps import Stopwatch

PIECE_TOKENS = 128  # of the points that run together: so often can the work be stopped


def token_attribution(
    model: LoadedModel,
    fact: Fact,
    check: KnownFactCheck,
    *,
    n_steps: int = TOKEN_ATTRIBUTION_STEPS,
    old: OldSource = "data",
    report: Reporter = silent,
) -> TokenAttribution:
    """Integrated gradients of log p(answer) for the old and the new answer, by prompt token, in nats.

    log p is summed over the answer's tokens. The scores of an answer add up to log p(answer | prompt) −
    log p(answer | baseline), up to the error of `n_steps` Gauss-Legendre points: in trials on SmolLM2 135M and Gemma 3
    270M at most 15 % with 64 steps, and up to all of it with 32. NaN: tokens that the baseline keeps
    (`kept_positions`: BOS, or the first token where there is none, and a chat template), and one that the answer merged
    with (a space at the prompt's end). Reports after some points of each answer token.
    Raises LgaError where the fact has no answer at all.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps must be 1 or more, not {n_steps}")
    require_gradients(model, "Token attribution")
    candidates = {"old": given_old_answer(fact, check, old), "new": fact.target_new}
    answers = {name: answer for name, answer in candidates.items() if answer}
    texts = {"old": old_answer(fact, check, old)[0], "new": fact.target_new or ""}
    if not answers:
        raise LgaError(
            "There is no answer to explain: the fact has none, and the model's own is empty.",
            hint="Give the fact a new answer.",
        )
    watch = Stopwatch(report)
    prompt = prompt_row(model.asking, fact.prompt).ids
    rows = {name: answer_row(model.asking, fact.prompt, answer) for name, answer in answers.items()}
    explained = sum(len(row.answer) for row in rows.values())  # answer tokens
    finished = 0
    scores: dict[str, np.ndarray] = {}
    for name, row in rows.items():
        scores[name] = np.full(len(prompt), np.nan)
        scores[name][: row.start] = prompt_scores(
            model,
            row,
            n_steps,
            report=partial(_report_points, watch.report, f"{name} answer", finished * n_steps, explained * n_steps),
        )
        finished += len(row.answer)
    # For each answer token: the prompt and the baseline once, then every step.
    cost = Cost(seconds=watch.seconds, forward_rows=explained * (2 + n_steps), backward_rows=explained * n_steps)
    return TokenAttribution(
        record=fact.record,
        tokens=token_texts(model.tokenizer, prompt),
        answers={name: texts[name] for name in answers},
        scores=scores,
        n_steps=n_steps,
        cost=cost,
    )


def _report_points(report: Reporter, detail: str, before: int, total: int, step: Progress) -> None:
    """One answer's points as a part of those of all answers."""
    report(replace(step, done=before + step.done, total=total, detail=detail))


def prompt_scores(model: LoadedModel, row: TokenRow, n_steps: int, *, report: Reporter = silent) -> np.ndarray:
    """Captum's attribution of log p(answer) to the row's prompt tokens, (prompt tokens,) nats; NaN for kept ones.

    Reports after each piece of an answer token's points.
    """
    prompt = row.ids[: row.start]
    scores = np.full(len(prompt), np.nan)
    explained = _PromptTokens(prompt, kept_positions(model.tokenizer, row), blank_token(model.asking))
    moved = explained.itp_mask[0].numpy()
    if not moved.any():
        return scores
    points = Progress(phase=Phase.TOKEN_ATTRIBUTION, done=0, total=len(row.answer) * n_steps)
    with ExitStack() as held:
        held.enter_context(model.using(Phase.TOKEN_ATTRIBUTION))

        def report_piece(size: int) -> None:
            nonlocal points
            points = replace(points, done=points.done + size)
            held.close()  # lets go of the model: nothing is held while a reporter is called
            report(points)
            held.enter_context(model.using(Phase.TOKEN_ATTRIBUTION))

        integration = LayerIntegratedGradients(_NextToken(model), model.architecture.embedding)
        integration.ig = _InPieces(integration.forward_func, report_piece)
        result = LLMGradientAttribution(integration, _AnswerTokens(row.answer)).attribute(
            explained,
            target=torch.tensor(row.answer, device=model.device),
            n_steps=n_steps,
            internal_batch_size=steps_at_once(model, row, PIECE_TOKENS),
        )
    scores[moved] = result.seq_attr.double().cpu().numpy()
    return scores


# LLMGradientAttribution (Captum 0.9) runs with transformers 5, but not as it stands on these prompts and models.
# Four adapters, each for one reason; the integration is Captum's own.


class _InPieces(IntegratedGradients):
    """An integration that says when each piece of its points is finished.

    Captum runs the points in pieces of `internal_batch_size`, one after another, and tells nobody.
    """

    def __init__(self, forward: Callable, finished: Callable[[int], None]) -> None:
        super().__init__(forward)
        self._finished = finished

    def _attribute(self, *given: Any, n_steps: int, **named: Any) -> tuple[torch.Tensor, ...]:
        sums = super()._attribute(*given, n_steps=n_steps, **named)
        self._finished(n_steps)
        return sums


class _NextToken(nn.Module):
    """A causal language model that reads the last position's logits only.

    The model itself would make logits for all positions of all steps (4 GB for a vocabulary of 262,144 and 16 steps
    of 250 tokens), in half precision where the weights are, and fill a cache.
    """

    def __init__(self, model: LoadedModel) -> None:
        super().__init__()
        self.device = model.device
        self._architecture = model.architecture

    def forward(self, ids: torch.Tensor) -> SimpleNamespace:
        hidden = self._architecture.decoder(input_ids=ids, use_cache=False).last_hidden_state
        return SimpleNamespace(logits=self._architecture.logits(hidden[:, -1:]))


class _PromptTokens(TextTokenInput):
    """A prompt whose token ids and kept positions are known.

    Captum tokenizes a text, which cannot say where an answer begins that was tokenized together with the prompt, and
    it keeps tokens by id, wherever they stand.
    """

    def __init__(self, prompt: Sequence[int], kept: Sequence[int], blank: int) -> None:
        self.inp_tensor = torch.tensor([prompt])
        self.itp_mask = torch.ones_like(self.inp_tensor, dtype=torch.bool)
        self.itp_mask[0, list(kept)] = False
        self.itp_tensor = self.inp_tensor[self.itp_mask][None]
        self.values = [str(token) for token in self.itp_tensor[0].tolist()]
        self.n_itp_features = len(self.values)
        self.baselines = blank


class _AnswerTokens:
    """A tokenizer that knows one answer.

    Captum tokenizes the answer's text once more to print it, and raises IndexError (`_convert_ids_to_pretty_tokens`)
    where that gives more tokens than the answer has, as for one that ends inside a character. What it would print is
    not used here.
    """

    def __init__(self, answer: Sequence[int]) -> None:
        self._answer = list(answer)

    def decode(self, ids: Sequence[int]) -> str:
        return "?" * len(ids)

    def __call__(self, _text: str, **_options: bool) -> dict[str, list]:
        return {"input_ids": self._answer, "offset_mapping": [(i, i + 1) for i in range(len(self._answer))]}
