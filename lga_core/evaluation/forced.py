"""Many facts' questions put to as many edited models at once, teacher-forced: what a sweep measures with.

A batch row carries its own edit: y ← W x + (x·a_row) b_row in a hook where it is rank one. What every block is given is
kept from one run of the unedited model, so that an edit at layer l costs the blocks from l on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lga_core.editing.edits import Edit, applied_by_row
from lga_core.evaluation.metrics import Quiz
from lga_core.models.forward import HEAD_ELEMENTS, Trunk, record_trunk, resume
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import asking_bytes, batch_tokens
from lga_core.models.tokens import AnswerIndex, Batch, TokenRow

BATCH_TOKENS = 1024                          # of questions that run together where they fit, after padding


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the model says at the tokens of one accepted answer that is conditioned on itself."""

    predicted: tuple[int, ...]               # the argmax at each token
    nll: float                               # of the answer, nats, mean over its tokens


Replies = tuple[tuple[Said, ...], ...]
"""Per question of one fact, what is said for each accepted answer."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Page:
    """Rows of like length, run once on the unedited model."""

    rows: tuple[TokenRow, ...]
    places: tuple[int, ...]                  # of the rows among all rows of the exam
    facts: tuple[int, ...]                   # whose question each row is
    trunk: Trunk
    index: AnswerIndex


@dataclass(frozen=True, kw_only=True, eq=False)
class Exam:
    """The questions of some facts, ready to be put to the model under an edit of each fact."""

    quizzes: tuple[Quiz, ...]
    pages: tuple[_Page, ...]

    @classmethod
    @torch.no_grad()
    def prepare(cls, model: LoadedModel, quizzes: Sequence[Quiz], layers: Sequence[int]) -> "Exam":
        """Run the questions up to the layers at which edits are to come. Call it with no edit applied."""
        rows = [(row, fact) for fact, quiz in enumerate(quizzes) for question in quiz.questions
                for row in question.rows]
        most = batch_tokens(model, "Asking", asking_bytes(model), BATCH_TOKENS)
        pages: list[list[int]] = []
        for place in sorted(range(len(rows)), key=lambda place: len(rows[place][0])):
            if not pages or (len(pages[-1]) + 1) * len(rows[place][0]) > most:
                pages.append([])
            pages[-1].append(place)
        return cls(quizzes=tuple(quizzes),
                   pages=tuple(_page(model, *zip(*(rows[place] for place in places), strict=True), places, layers)
                               for places in pages))

    def before(self, model: LoadedModel) -> tuple[Replies, ...]:
        """What the unedited model says, fact by fact."""
        return self._by_fact([_say(model, page, model.layers) for page in self.pages])

    def after(self, model: LoadedModel, layer: int, edits: Sequence[Edit]) -> tuple[Replies, ...]:
        """What each fact's questions get for an answer under that fact's own edit; all edits are at one layer."""
        said = []
        for page in self.pages:
            with applied_by_row(model, [edits[fact] for fact in page.facts]):
                said.append(_say(model, page, layer))
        return self._by_fact(said)

    @property
    def tokens(self) -> int:
        """In the rows that an edit makes run anew."""
        return sum(len(row) for page in self.pages for row in page.rows)

    def _by_fact(self, said: Sequence[Sequence[Said]]) -> tuple[Replies, ...]:
        placed = {place: one for page, answers in zip(self.pages, said, strict=True)
                  for place, one in zip(page.places, answers, strict=True)}
        in_order = iter([placed[place] for place in range(len(placed))])
        return tuple(tuple(tuple(next(in_order) for _ in question.rows) for question in quiz.questions)
                     for quiz in self.quizzes)


def _page(model: LoadedModel, rows: Sequence[TokenRow], facts: Sequence[int], places: Sequence[int],
          layers: Sequence[int]) -> _Page:
    batch = Batch.of([row.given for row in rows], model.device)
    return _Page(rows=tuple(rows), places=tuple(places), facts=tuple(facts), index=AnswerIndex.of(rows, batch),
                 trunk=record_trunk(model, batch, (*layers, model.layers)))


@torch.no_grad()
def _say(model: LoadedModel, page: _Page, layer: int) -> list[Said]:
    """What the model as it is now says in a page's rows, run from a block's input on."""
    hidden, index = resume(model, page.trunk, layer), page.index
    best, nll = [], []
    size = max(1, HEAD_ELEMENTS // model.architecture.vocabulary)
    for places, tokens in zip(hidden[index.rows, index.columns].split(size), index.tokens.split(size), strict=True):
        logits = model.architecture.logits(places)
        best.append(logits.argmax(-1))
        nll.append(torch.nn.functional.cross_entropy(logits.float(), tokens, reduction="none"))
    tokens, means = iter(torch.cat(best).tolist()), index.mean_by_row(torch.cat(nll)).tolist()
    return [Said(predicted=tuple(next(tokens) for _ in row.answer), nll=mean)
            for row, mean in zip(page.rows, means, strict=True)]
