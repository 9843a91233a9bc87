"""How a model is asked: prompts as they are, or as a user's message in its chat template. No torch.

A model's name with ":chat" at its end means the same weights asked through the template: another question everywhere.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lga_core.errors import LgaError

if TYPE_CHECKING:
    from transformers import BatchEncoding, PreTrainedTokenizerFast

SUFFIX = ":chat"  # of a model's name
MESSAGE = "PROMPT-OF-A-FACT"  # stands for a prompt while the template is read
MAX_CHARACTERS = 100_000  # that a template puts around it
BEGINNING = 40  # characters of a prompt that is too long, to know it by
# What templates ask for beside the messages: no reasoning before the answer (Qwen 3), and the date that Llama 3's
# template takes by default, for one that changes from day to day would change the numbers.
GIVEN = {"enable_thinking": False, "date_string": "26 Jul 2024"}


class UnaskableError(LgaError):
    """A text cannot be put to this model, whatever else is put to it: it is to be left out."""

    def __init__(self, cause: str, *, hint: str, reason: str) -> None:
        super().__init__(cause, hint=hint)
        self.reason = reason  # in short, without the text itself: the same for all texts with this fault


def is_chat(name: str) -> bool:
    """Whether this name of a model means that it is asked through its chat template."""
    return name.strip().endswith(SUFFIX)


def chat_name(name: str) -> str:
    """The name of the same model, asked through its chat template."""
    return name if is_chat(name) else f"{name}{SUFFIX}"


def plain_name(name: str) -> str:
    """The name of the same model, asked without a template."""
    return name.strip().removesuffix(SUFFIX) if is_chat(name) else name


@dataclass(frozen=True, kw_only=True)
class ChatTemplate:
    """What a tokenizer's chat template puts around a user's only message, up to where the assistant's answer begins."""

    before: str
    after: str  # without a space at its end
    gap: str  # what stands between that and the answer: a space where the template ends with one, else nothing

    @classmethod
    def of(cls, tokenizer: "PreTrainedTokenizerFast", model: str) -> "ChatTemplate":
        """Raises LgaError where the tokenizer of this model has no template, or one that cannot take a message."""
        if not tokenizer.chat_template:
            raise LgaError(
                f"The tokenizer of {model} has no chat template.",
                hint="Turn chat off, or choose a model tuned to chat.",
            )
        try:
            text = tokenizer.apply_chat_template(
                [{"role": "user", "content": MESSAGE}], tokenize=False, add_generation_prompt=True, **GIVEN
            )
        except Exception as error:  # a template is a program: it may end in any error
            raise LgaError(f"The chat template of {model} fails: {error}.", hint="Turn chat off.") from error
        if len(text) > MAX_CHARACTERS:
            raise LgaError(f"The chat template of {model} makes {len(text):,} characters.", hint="Turn chat off.")
        before, separator, after = text.partition(MESSAGE)
        if not separator or MESSAGE in after:
            raise LgaError(
                f"The chat template of {model} does not hold the user's message once, as it is.", hint="Turn chat off."
            )
        bare = after.rstrip(" ")
        return cls(before=before, after=bare, gap=" " if bare != after else "")

    @property
    def key(self) -> str:
        """Tells it from other templates in the keys of what is stored."""
        return hashlib.sha256("\0".join((self.before, self.after, self.gap)).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True, eq=False)
class Asking:
    """A tokenizer, and the template through which it is given prompts; None: they are given as they are."""

    tokenizer: "PreTrainedTokenizerFast"
    chat: ChatTemplate | None = None
    embeddings: int | None = None  # how many tokens the model has embeddings for; None: no model is asked
    positions: int | None = None  # how many tokens a text may have where positions are learned; None: no such bound

    def encode(self, prompt: str, answer: str | None = None) -> "BatchEncoding":
        """`asked_text` as ids, with offsets and a mask of what the tokenizer adds. A template writes its own BOS.

        Raises UnaskableError for a token that the model has no embedding for, and for more tokens than it has
        positions.
        """
        encoded = self.tokenizer(
            asked_text(self.chat, prompt, answer),
            add_special_tokens=self.chat is None,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
        )
        self.check_embedded(encoded["input_ids"])
        self.check_length(len(encoded["input_ids"]), prompt)
        return encoded

    def check_length(self, tokens: int, prompt: str = "") -> None:
        """Raise UnaskableError where a text of so many tokens, that of this prompt, has more than the positions."""
        if self.positions is not None and tokens > self.positions:
            which = f" (“{prompt[:BEGINNING]}…”)" if prompt else ""
            raise UnaskableError(
                f"A text of {tokens:,} tokens{which} is longer than this model’s {self.positions:,} positions.",
                hint="Shorten the prompt or its answer.",
                reason=f"a text is longer than the model's {self.positions:,} positions",
            )

    def check_embedded(self, ids: Sequence[int]) -> None:
        """Raise UnaskableError that names the first of these tokens that the model has no embedding for."""
        unknown = next((token for token in ids if not self.has_embedding(token)), None)
        if unknown is None:
            return
        what = f"no embedding for the token {self.tokenizer.convert_ids_to_tokens(unknown)!r}"
        raise UnaskableError(
            f"The model has {what}.", hint="Leave this token out of the text.", reason=f"the model has {what}"
        )

    def has_embedding(self, token: int) -> bool:
        """Whether the model can read this token; True where no model is asked."""
        return self.embeddings is None or token < self.embeddings


def asked_text(chat: ChatTemplate | None, prompt: str, answer: str | None = None) -> str:
    """A prompt, and its answer after it. In a template the prompt, without spaces at its ends, is the user's message.

    The answer follows a space, but in a template only where the template ends with one.
    """
    if chat is None:
        return prompt if answer is None else f"{prompt.rstrip()} {answer.strip()}"
    given = f"{chat.before}{prompt.strip()}{chat.after}"
    return given if answer is None else f"{given}{chat.gap}{answer.strip()}"


def asked_place(chat: ChatTemplate | None, prompt: str, span: tuple[int, int]) -> tuple[int, int]:
    """Where the prompt's characters [first, end) stand in `asked_text`."""
    shift = 0 if chat is None else len(chat.before) - (len(prompt) - len(prompt.lstrip()))
    return span[0] + shift, span[1] + shift


def overlapping(offsets: Sequence[tuple[int, int]], span: tuple[int, int]) -> tuple[int, int] | None:
    """Tokens [first, end) that hold any of the characters `span`; None where no token does."""
    inside = [i for i, (first, end) in enumerate(offsets) if first < span[1] and end > span[0] and end > first]
    return (inside[0], inside[-1] + 1) if inside else None
