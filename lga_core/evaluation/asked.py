"""What the unedited model replies to a fact's questions: asked once, for every trial of that fact on that model."""

from collections import OrderedDict
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from lga_core.data.facts import Fact
from lga_core.evaluation.metrics import Quiz, Reply, ask, prepare
from lga_core.models.loaded import LoadedModel

FACTS_KEPT = 256                             # a model, the last ones asked
_memory: WeakKeyDictionary[LoadedModel, OrderedDict[str, "Asked"]] = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One fact's questions, and what the unedited model replied."""

    quiz: Quiz
    replies: tuple[Reply, ...]


def ask_unedited(model: LoadedModel, fact: Fact) -> Asked:
    """Prepare and ask, or remember. Call it with no edit applied: a probe without gold gets the model's own tokens."""
    kept = _memory.setdefault(model, OrderedDict())
    asked = kept.pop(fact.fingerprint, None)
    if asked is None:
        quiz = prepare(model, fact)
        with model.using("asking before the edit"):
            asked = Asked(quiz=quiz, replies=tuple(ask(model, quiz.questions)))
    kept[fact.fingerprint] = asked
    while len(kept) > FACTS_KEPT:
        kept.popitem(last=False)
    return asked
