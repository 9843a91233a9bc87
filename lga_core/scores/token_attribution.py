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
from lga_core.models.tokens import TokenRow, answer_row, prompt_row, token_texts
from lga_core.results import Cost, OldSource, Progress, SurveyRow, TokenAttribution
from lga_core.scores.attribution import blank_token, special_positions
from lga_core.scores.lga import old_answer

VERSION = 1


def token_attribution(model: LoadedModel, fact: Fact, survey_row: SurveyRow, *, n_steps: int = 16,
                      old: OldSource = "data") -> Generator[Progress, None, TokenAttribution]:
    """Integrated gradients of log p(answer) for the old and the new answer, by prompt token, in nats.

    log p is summed over the answer's tokens. Against a prompt of `blank_token`s the scores of an answer add up to
    log p(answer | prompt) − log p(answer | blank prompt), up to the error of `n_steps` Gauss-Legendre points. Special
    tokens (BOS) stay in the blank prompt, so they score 0. NaN: a token that the answer merged with (a space at the
    prompt's end). Raises LgaError where the fact has no answer at all.
    """
    if n_steps < 1:
        raise ValueError(f"n_steps must be 1 or more, not {n_steps}")
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
            # For each answer token: the prompt and the blank prompt once, then every step.
            cost += Cost(seconds=perf_counter() - begin, forward_rows=len(row.answer) * (2 + n_steps),
                         backward_rows=len(row.answer) * n_steps)
        yield Progress(label=f"token attribution, {name} answer", done=done, total=len(answers))
    return TokenAttribution(record=fact.record, tokens=token_texts(model.tokenizer, prompt), answers=answers,
                            scores=scores, n_steps=n_steps, cost=cost)


def prompt_scores(model: LoadedModel, row: TokenRow, n_steps: int) -> np.ndarray:
    """Captum's attribution of log p(answer) to the row's prompt tokens, (prompt tokens,) nats; 0 for special tokens."""
    prompt = row.ids[:row.start]
    kept = special_positions(model.tokenizer, prompt)
    tokens = _FixedTokens(prompt, row.answer)
    explained = TextTokenInput("", tokens, baselines=blank_token(model.tokenizer),
                               skip_tokens=sorted({prompt[i] for i in kept}))
    method = LLMGradientAttribution(
        LayerIntegratedGradients(_NextToken(model), model.architecture.embedding), tokens)
    result = method.attribute(explained, target=torch.tensor(row.answer, device=model.device), n_steps=n_steps)
    scores = np.zeros(len(prompt))
    scores[np.setdiff1d(np.arange(len(prompt)), kept)] = result.seq_attr.double().cpu().numpy()
    return scores


class _NextToken(nn.Module):
    """A causal language model as Captum calls it, which reads the last position's logits only.

    The model itself would make logits for all positions of all steps (4 GB for a vocabulary of 262,144 and 16 steps
    of 250 tokens), in half precision where the weights are.
    """

    def __init__(self, model: LoadedModel) -> None:
        super().__init__()
        self.device = model.device
        self._architecture = model.architecture

    def forward(self, ids: torch.Tensor) -> SimpleNamespace:
        hidden = self._architecture.decoder(input_ids=ids, use_cache=False).last_hidden_state
        return SimpleNamespace(logits=self._architecture.logits(hidden[:, -1:]))


class _FixedTokens:
    """A tokenizer, as Captum 0.9 calls it, for a prompt and an answer whose tokens are known.

    Captum takes the prompt as text, which cannot say where an answer begins that was tokenized together with it. And
    it tokenizes the answer's text once more to print it: `_convert_ids_to_pretty_tokens` raises IndexError where that
    gives more tokens than the answer has, as for an answer that ends inside a character. Its printed tokens are not
    used here.
    """

    def __init__(self, prompt: Sequence[int], answer: Sequence[int]) -> None:
        self._prompt, self._answer = list(prompt), list(answer)

    def encode(self, _text: str, return_tensors: str) -> torch.Tensor:
        assert return_tensors == "pt"
        return torch.tensor([self._prompt])

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str]:
        return [str(token) for token in ids]

    def decode(self, ids: Sequence[int]) -> str:
        return "?" * len(ids)

    def __call__(self, _text: str, **_options: bool) -> dict[str, list]:
        return {"input_ids": self._answer, "offset_mapping": [(i, i + 1) for i in range(len(self._answer))]}
