"""The playground: any prompt put to the original and to the edited model side by side, token by token."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter

from lga_core.editing.edits import Edit, applied
from lga_core.editing.settings import Settings, setting
from lga_core.errors import LgaError
from lga_core.models.generate import Pick, sampler, seed_of, stream
from lga_core.models.lens import lens, next_tokens
from lga_core.models.loaded import LoadedModel
from lga_core.models.tokens import TokenRow, prompt_row
from lga_core.results import Cost, PlaygroundReport, SideBySide

LABEL = "writing side by side"


@dataclass(frozen=True, kw_only=True)
class PlaygroundSettings(Settings):
    """How the two models write."""

    length: int = setting(40, "Tokens, at most", least=1, most=500)
    temperature: float = setting(0.0, "Temperature", "0 takes the most probable token each time.", least=0)
    top_k: int = setting(0, "Top k", "Sample among so many tokens only; 0: among all.", least=0)
    seed: int = setting(0, "Seed", "The same for both models.", least=0)
    chat: bool = setting(False, "Chat", "Put the prompt as a user's message, for models that are tuned to chat.")


def can_chat(model: LoadedModel) -> bool:
    """Whether the tokenizer has a chat template."""
    return bool(model.tokenizer.chat_template)


def compare_texts(model: LoadedModel, prompt: str, edits: Sequence[Edit],
                  settings: PlaygroundSettings) -> Generator[SideBySide, None, PlaygroundReport]:
    """Continue a prompt with the original and with the edited model, the same seed for both.

    Yields after every token, with both texts so far; the edits are applied within a step only. Raises LgaError for an
    empty prompt, and for a chat with a model that has no template.
    """
    begin = perf_counter()
    given, row = _row(model, prompt, chat=settings.chat)
    sides = ((), tuple(edits))
    following, lenses = [], []
    for side in sides:
        with model.using("reading the prompt"), applied(model, side):
            following.append(next_tokens(model, row))
            lenses.append(lens(model, row))
    streams = [stream(model, [row], settings.length, _pick(settings)) for _ in sides]
    texts: list[list[int]] = [[], []]
    live = [True, True]
    yield SideBySide(label=LABEL, done=0, total=settings.length, text_before="", text_after="")
    for step in range(settings.length):
        for number, side in enumerate(sides):
            if live[number]:
                with model.using(LABEL), applied(model, side):
                    live[number] = _one_more(streams[number], texts[number])
        if not any(live):
            break
        before, after = (_so_far(model, ids) for ids in texts)
        yield SideBySide(label=LABEL, done=step + 1, total=settings.length, text_before=before, text_after=after)
    before, after = (model.tokenizer.decode(ids, skip_special_tokens=True) for ids in texts)
    return PlaygroundReport(
        prompt=prompt, given=given, settings=asdict(settings), text_before=before, text_after=after,
        next_before=following[0], next_after=following[1], lens_before=lenses[0], lens_after=lenses[1],
        cost=Cost(seconds=perf_counter() - begin, forward_rows=4 + sum(map(len, texts))),
    )


def _row(model: LoadedModel, prompt: str, *, chat: bool) -> tuple[str, TokenRow]:
    """The text that the model is given, and its tokens."""
    if not prompt.strip():
        raise LgaError("The prompt is empty.", mend="Write something for the models to continue.")
    if not chat:
        return prompt, prompt_row(model.tokenizer, prompt)
    if not can_chat(model):
        raise LgaError(f"{model.name} has no chat template.", mend="Turn chat off, or choose a model tuned to chat.")
    message = [{"role": "user", "content": prompt}]
    given = model.tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
    ids = tuple(model.tokenizer(given, add_special_tokens=False)["input_ids"])     # the template writes its own
    return given, TokenRow(ids=ids, start=len(ids))


def _pick(settings: PlaygroundSettings) -> Pick:
    if settings.temperature == 0:
        return lambda logits: logits.argmax(-1)
    return sampler([seed_of("playground", settings.seed)], temperature=settings.temperature, top_k=settings.top_k)


def _one_more(steps: Iterator[list[int | None]], text: list[int]) -> bool:
    """Take one token from a stream of one row; False where the text has ended."""
    token = next(steps, [None])[0]
    if token is not None:
        text.append(token)
    return token is not None


def _so_far(model: LoadedModel, ids: Sequence[int]) -> str:
    """The text of these tokens, without the begun character that may stand at its end."""
    return model.tokenizer.decode(ids, skip_special_tokens=True).rstrip("\ufffd")
