"""The stored run of each question, for those who compute its answer and for those who only read it.

A question's key holds what determines the numbers: see `provenance`. Two questions are shared by all fact sets: what
the model says by itself, fact by fact, and a sweep's cells, edit by edit.

Where an answer depends on tokens that the model itself wrote, its key names their version; all other keys do not. So
with free answers that are not compared by whole words, and with a new answer that is an accepted old one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from lga_core.data.facts import Fact, facts_fingerprint
from lga_core.data.select import editable
from lga_core.editing.table import editor_named
from lga_core.errors import LgaError, one_of
from lga_core.evaluation.settings import (
    DIAGNOSTICS_VERSION,
    MANY_EDITS_VERSION,
    SWEEP_METRICS,
    SWEEP_VERSION,
    TRIAL_METRICS,
    TRIAL_VERSION,
    ManyEditsSettings,
    MetricSettings,
)
from lga_core.models.text.sources import IDENTITY, content_key
from lga_core.probes.questions import (
    FREE_MATCH_VERSION,
    OWN_ANSWERS_VERSION,
    acting_cap,
    asks_own_answer,
    locality_probes,
    matched_without_words,
)
from lga_core.results import Kind, ModelIdentity, OldSource
from lga_core.runs.storage.provenance import provenance
from lga_core.runs.storage.store import Run, Store
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.settings import (
    ACCEPTED_OLD_VERSION,
    CMA_VERSION,
    KNOWN_FACTS_VERSION,
    TOKEN_ATTRIBUTION_VERSION,
    CmaSettings,
    takes_own_answer,
)

CAPPED = " a group"  # in the name of a cell whose fact has more probes than are asked
OWN_ANSWERS = "own_answers"  # the name of their version among the settings of a key
FREE_MATCH = "free_match"  # the same of the rule by which free answers are compared
ACCEPTED_OLD = "accepted_old"  # the same of the rule for a new answer that is an accepted old one but not the first


def known_facts_run(model: ModelIdentity, store: Store) -> Run:
    """The known-fact checks of a model: every fact is checked once, whatever the set."""
    version = KNOWN_FACTS_VERSION
    return store.open(provenance(model, "every fact asked about", (), method="survey", version=version, settings={}))


def measurement_run(
    model: ModelIdentity, facts_name: str, facts: Sequence[Fact], measurement: str, settings: Any, store: Store
) -> Run:
    """One measurement of these facts. Raises LgaError for a measurement that there is not."""
    version = one_of("measurement", measurement, MEASUREMENTS).version
    asked = {
        **asdict(_windowless(settings) if measurement == "trace-hidden" else settings),
        **_own_answers(settings.own_answers(facts)),
        **({ACCEPTED_OLD: ACCEPTED_OLD_VERSION} if settings.accepted_old(facts) else {}),
    }
    if (source := getattr(settings, "covariance", None)) is not None:
        asked["text"] = content_key(source)
    return store.open(provenance(model, facts_name, facts, method=measurement, version=version, settings=asked))


def trace_run(
    model: ModelIdentity,
    facts_name: str,
    fact: Fact,
    kind: Kind,
    settings: CmaSettings,
    noise_facts: Sequence[Fact],
    store: Store,
) -> Run:
    """One fact's token trace, with noise of the size that the subjects of `noise_facts` give."""
    method = f"token-trace-{kind}"
    read = _windowless(settings) if kind == "hidden" else settings
    asked = {**asdict(read), "noise_facts": facts_fingerprint(noise_facts)}
    return store.open(provenance(model, facts_name, [fact], method=method, version=CMA_VERSION, settings=asked))


def _windowless(settings: Any) -> Any:
    """Hidden states are restored one layer at a time, whatever the window of the other kinds is."""
    return replace(settings, window=None)


def attribution_run(
    model: ModelIdentity, facts_name: str, fact: Fact, n_steps: int, old: OldSource, store: Store
) -> Run:
    """One fact's token attributions."""
    method = "token-attribution"
    version = TOKEN_ATTRIBUTION_VERSION
    asked = {"n_steps": n_steps, "old": old, **_own_answers(takes_own_answer(fact, old))}
    return store.open(provenance(model, facts_name, [fact], method=method, version=version, settings=asked))


def trial_run(
    model: ModelIdentity,
    facts_name: str,
    fact: Fact,
    layers: Sequence[int],
    editor: str,
    settings: Any,
    store: Store,
    *,
    metrics: MetricSettings = TRIAL_METRICS,
    diagnose: bool,
) -> Run:
    """One trial edit. `settings` None: the editor's defaults."""
    settings = settings or editor_named(editor).settings()
    asked = {
        **asdict(settings),
        "layers": tuple(sorted(layers)),
        "answers": metrics.answers,
        "trial_version": TRIAL_VERSION,
        "diagnostics": DIAGNOSTICS_VERSION if diagnose else None,
        "text": _text_key(settings),
        **_own_answers(asks_own_answer(fact)),
        **({FREE_MATCH: FREE_MATCH_VERSION} if matched_without_words(fact) else {}),
    }
    version = editor_named(editor).version
    return store.open(provenance(model, facts_name, [fact], method=f"trial-{editor}", version=version, settings=asked))


def sweep_run(
    model: ModelIdentity, editor: str, settings: Any, store: Store, metrics: MetricSettings = SWEEP_METRICS
) -> Run:
    """The cells of a model, an editor, its settings and the answers that count: all sets of facts share them.

    What changes some facts' cells only is in the names of these: `asked_in_cell`.
    """
    settings = settings or editor_named(editor).settings()  # None: the editor's defaults
    answers = metrics.answers
    asked = {**asdict(settings), "answers": answers, "sweep_version": SWEEP_VERSION, "text": _text_key(settings)}
    version = editor_named(editor).version
    return store.open(
        provenance(model, "every fact swept", (), method=f"sweep-{editor}", version=version, settings=asked)
    )


def many_edits_run(
    model: ModelIdentity,
    facts_name: str,
    facts: Sequence[Fact],
    layers: Sequence[int],
    editor: str,
    settings: Any,
    how: ManyEditsSettings,
    store: Store,
) -> Run:
    """Many edits of these facts in this order; a row has its number of edits as its name."""
    asked = {
        **asdict(settings),
        "layers": tuple(sorted(layers)),
        "many": asdict(how),
        "many_version": MANY_EDITS_VERSION,
        "text": _text_key(settings),
        **_own_answers(_needs_own_answers(facts, how)),
    }
    version = editor_named(editor).version
    return store.open(provenance(model, facts_name, facts, method=f"many-{editor}", version=version, settings=asked))


def stage_name(fingerprint: str, missing: int) -> str:
    """Under which a trial's run holds the stage of a fact that lacks so many parts; the whole one has the fact's."""
    return f"{fingerprint}/{missing} missing"


def asked_in_cell(fact: Fact, per_group: int | None) -> str:
    """How a fact's probes are asked in a sweep, as its cells' names have it; "" for all of them by the data's answers.

    A cap on them is named where it leaves any out, and the version of the model's own answers where one is asked for.
    """
    cap = acting_cap(fact, per_group)
    parts = [] if cap is None else [f"{cap}{CAPPED}"]
    if asks_own_answer(fact, per_group):
        parts.append(f"own answers {OWN_ANSWERS_VERSION}")
    return "/".join(parts)


def cell_name(fingerprint: str, layer: int, asked: str = "") -> str:
    """Under which a sweep's run holds the cell of a fact at a layer; `asked` as `asked_in_cell` has it."""
    return f"{fingerprint}/{layer}/{asked}" if asked else f"{fingerprint}/{layer}"


def cell_place(name: str) -> tuple[str, int, str]:
    """What a cell's name says: the fact's fingerprint, the layer, and how its probes were asked."""
    fingerprint, layer, *asked = name.split("/", 2)
    return fingerprint, int(layer), asked[0] if asked else ""


def cap_in_cell(asked: str) -> int | None:
    """The cap on probes among what `asked_in_cell` says; None where none was left out."""
    first = asked.partition("/")[0]
    return int(first.removesuffix(CAPPED)) if first.endswith(CAPPED) else None


def asked_as_today(names: Iterable[str], facts: Sequence[Fact]) -> list[str]:
    """The names of those cells whose probes would be asked as they were then; of unknown facts, all."""
    by_name = {fact.fingerprint: fact for fact in facts}
    today = []
    for name in names:
        fingerprint, _layer, asked = cell_place(name)
        fact = by_name.get(fingerprint)
        if fact is None or asked == asked_in_cell(fact, cap_in_cell(asked)):
            today.append(name)
    return today


def _own_answers(asked: bool) -> dict[str, int]:
    """The entry of a key whose answer depends on tokens that the model itself wrote."""
    return {OWN_ANSWERS: OWN_ANSWERS_VERSION} if asked else {}


def _needs_own_answers(facts: Sequence[Fact], how: ManyEditsSettings) -> bool:
    """Whether one of the locality probes of many edits needs the model's own answer."""
    if not any(asks_own_answer(fact) for fact in facts):
        return False
    return any(not probe.answers for probe in locality_probes(editable(facts), how.locality))  # others are refused


def check_text(run: Run, settings: Any) -> None:
    """Raise LgaError where the text of these settings' second moments is not the one any more that the run's key names.

    Call it before what was computed is stored: one key stands for one C.
    """
    if _text_key(settings) != run.provenance.settings.get("text"):
        raise LgaError(
            f"The text {settings.covariance} has changed since this work began, and with it the second moments.",
            hint="What is measured so far is kept. Ask again: it is measured with the text as it is now.",
        )


def _text_key(settings: Any) -> str | None:
    """The content of the text that second moments are from, where the settings ask for one."""
    return content_key(getattr(settings, "covariance", IDENTITY))
