"""The playground: any prompt put to the original and to the edited model side by side, token by token."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from lga_core.editing.edits import Edit, applied
from lga_core.errors import LgaError
from lga_core.evaluation.settings import PlaygroundSettings
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.generate import Pick, most_probable, sampler, seed_of, stream
from lga_core.models.running.lens import lens, next_tokens
from lga_core.models.text.chat import asked_text
from lga_core.models.text.tokens import TokenRow, prompt_row
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Cost, PlaygroundReport, SideBySide
from lga_core.scores.steps import Stopwatch


def compare_texts(
    model: LoadedModel,
    prompt: str,
    edits: Sequence[Edit],
    settings: PlaygroundSettings,
    *,
    on_text: Callable[[SideBySide], None] = lambda texts: None,
    report: Reporter = silent,
) -> PlaygroundReport:
    """Continue a prompt with the original and with the edited model, the same seed for both.

    After every token `on_text` gets both texts so far, and the step is reported. Raises LgaError for an empty prompt,
    and for a chat with a model that has no chat template.
    """
    watch = Stopwatch(report)
    given, row = _row(model, prompt, chat=settings.chat)
    sides = ((), tuple(edits))
    following, lenses = [], []
    for side in sides:
        with model.using("reading the prompt"), applied(model, side):
            following.append(next_tokens(model, row))
            lenses.append(lens(model, row))
    watch.report(Progress(phase=Phase.GENERATE, done=0, total=settings.length))
    texts = _write(model, row, sides, settings, on_text, watch.report)
    text_before, text_after = (model.tokenizer.decode(ids, skip_special_tokens=True) for ids in texts)
    on_text(SideBySide(text_before=text_before, text_after=text_after))
    return PlaygroundReport(
        prompt=prompt,
        given=given,
        settings=asdict(settings),
        text_before=text_before,
        text_after=text_after,
        next_before=following[0],
        next_after=following[1],
        lens_before=lenses[0],
        lens_after=lenses[1],
        cost=Cost(seconds=watch.seconds, forward_rows=4 + sum(map(len, texts))),
    )


def _write(
    model: LoadedModel,
    row: TokenRow,
    sides: Sequence[Sequence[Edit]],
    settings: PlaygroundSettings,
    on_text: Callable[[SideBySide], None],
    report: Reporter,
) -> list[list[int]]:
    """The tokens that each of the two sides writes, in turn, one at a time."""
    streams = [stream(model, [row], settings.length, _pick(settings)) for _ in sides]
    texts: list[list[int]] = [[] for _ in sides]
    writing = [True] * len(sides)
    for done in range(1, settings.length + 1):
        for number, side in enumerate(sides):
            if writing[number]:
                with model.using(Phase.GENERATE), applied(model, side):
                    writing[number] = _one_more(streams[number], texts[number])
        if not any(writing):
            break
        on_text(SideBySide(text_before=_so_far(model, texts[0]), text_after=_so_far(model, texts[1])))
        report(Progress(phase=Phase.GENERATE, done=done, total=settings.length))
    return texts


def _row(model: LoadedModel, prompt: str, *, chat: bool) -> tuple[str, TokenRow]:
    """The text that the model is given, and its tokens; in its chat template also where facts are asked so."""
    if not prompt.strip():
        raise LgaError("The prompt is empty.", hint="Write something for the models to continue.")
    asking = model.chatting.asking if chat else model.asking
    return asked_text(asking.chat, prompt), prompt_row(asking, prompt)


def _pick(settings: PlaygroundSettings) -> Pick:
    if settings.temperature == 0:
        return most_probable
    return sampler([seed_of("playground", settings.seed)], temperature=settings.temperature, top_k=settings.top_k)


def _one_more(steps: Iterator[list[int | None]], text: list[int]) -> bool:
    """Take one token from a stream of one row; False where the text has ended."""
    token = next(steps, [None])[0]
    if token is not None:
        text.append(token)
    return token is not None


def _so_far(model: LoadedModel, ids: Sequence[int]) -> str:
    """The text of these tokens, without an incomplete character at its end."""
    return model.tokenizer.decode(ids, skip_special_tokens=True).rstrip("\ufffd")
