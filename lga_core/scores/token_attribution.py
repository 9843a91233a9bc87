"""Which prompt tokens an answer comes from: Captum's integrated gradients on the embedding (METHOD §3)."""

from collections.abc import Generator, Sequence
from time import perf_counter
from types import SimpleNamespace

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients, LLMGradientAttribution, TextTokenInput
from torch import nn

from lga_core.data.facts import Fact
from lga_core.errors import LgaError
from lga_core.models.loaded import LoadedModel
from lga_core.models.quantized import require_gradients
from lga_core.models.tokens import TokenRow, answer_row, prompt_row, token_texts
from lga_core.results import Cost, OldSource, Progress, SurveyRow, TokenAttribution
from lga_core.scores.attribution import blank_token, kept_positions, steps_at_once
from lga_core.scores.lga import old_answer

VERSION = 1
STEPS = 64                                   # Gauss-Legendre points; fewer leave out too much, see below


def token_attribution(model: LoadedModel, fact: Fact, survey_row: SurveyRow, *, n_steps: int = STEPS,
                      old: OldSource = "data") -> Generator[Progress, None, TokenAttribution]:
    """Integrated gradients of log p(answer) for the old and the new answer, by prompt token, in nats.

    log p is summed over the answer's tokens. The scores of an answer add up to log p(answer | prompt) −
    log p(answer | baseline), up to the error of `n_steps` Gauss-Legendre points: in trials on SmolLM2 135M and Gemma 3
    270M at most 15 % with 64 steps, and up to all of it with 32. NaN: tokens that the baseline keeps
    (`kept_positions`: BOS, or the first token where there is none), and one that the answer merged with (a space at the
    prompt's end).
    Raises LgaError where the fact has no answer at all.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps must be 1 or more, not {n_steps}")
    require_gradients(model, "Token attribution")
    answers = {"old": old_answer(fact, survey_row, old)[0], "new": fact.target_new}
    answers = {name: answer for name, answer in answers.items() if answer}
    if not answers:
        raise LgaError("There is no answer to explain: the fact has none, and the model's own is empty.",
                       mend="Give the fact a new answer.")
    prompt = prompt_row(model.tokenizer, fact.prompt).ids
    scores, cost = {}, Cost()
    for done, (name, answer) in enumerate(answers.items(), start=1):
        with model.using("token attribution"):
            begin = perf_counter()
            row = answer_row(model.tokenizer, fact.prompt, answer)
            scores[name] = np.full(len(prompt), np.nan)
            scores[name][:row.start] = prompt_scores(model, row, n_steps)
            # For each answer token: the prompt and the baseline once, then every step.
            cost += Cost(seconds=perf_counter() - begin, forward_rows=len(row.answer) * (2 + n_steps),
                         backward_rows=len(row.answer) * n_steps)
        yield Progress(label=f"token attribution, {name} answer", done=done, total=len(answers))
    return TokenAttribution(record=fact.record, tokens=token_texts(model.tokenizer, prompt), answers=answers,
                            scores=scores, n_steps=n_steps, cost=cost)


def prompt_scores(model: LoadedModel, row: TokenRow, n_steps: int) -> np.ndarray:
    """Captum's attribution of log p(answer) to the row's prompt tokens, (prompt tokens,) nats; NaN for kept ones."""
    prompt = row.ids[:row.start]
    scores = np.full(len(prompt), np.nan)
    explained = _PromptTokens(prompt, kept_positions(model.tokenizer, prompt), blank_token(model.tokenizer))
    moved = explained.itp_mask[0].numpy()
    if moved.any():
        method = LLMGradientAttribution(LayerIntegratedGradients(_NextToken(model), model.architecture.embedding),
                                        _AnswerTokens(row.answer))
        result = method.attribute(explained, target=torch.tensor(row.answer, device=model.device), n_steps=n_steps,
                                  internal_batch_size=steps_at_once(model, row))
        scores[moved] = result.seq_attr.double().cpu().numpy()
    return scores


# LLMGradientAttribution (Captum 0.9) runs with transformers 5, but not as it stands on these prompts and models.
# Three adapters, each for one reason; the integration is Captum's own.


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
