"""Which probes a fact has for each metric, which answers each accepts, and which are dropped: one rule (METHOD.md §5).

The metrics, the forecast and the benchmarks take a fact's probes from here. Nothing is asked here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Literal

from lga_core.data.answers import accepted_answers, expects, gold_answer, has_no_words
from lga_core.data.facts import Fact, Probe
from lga_core.results import METRICS, Answers, LeftOut, OldSource

MetricName = Literal["rewrite", "rephrase", "locality", "portability"]
OWN_ANSWER_TOKENS = 5  # of the model's own answer, where a locality probe names none
# Part of the store's keys of what asks for the model's own answers, and of nothing else. 1, which no key names: their
# text was tokenized again, and what did not begin with a space became other tokens.
OWN_ANSWERS_VERSION = 2
# Part of the key of a trial whose free answers are compared otherwise than by whole words, and of no other. 1, which no
# key names: an answer of articles or punctuation never matched, one in a script without spaces as a whole word only.
FREE_MATCH_VERSION = 2
BLANK = "␣"  # shows an answer of nothing but white space


@dataclass(frozen=True, kw_only=True)
class OwnAnswer:
    """What the unedited model says by itself after a prompt."""

    ids: tuple[int, ...]  # () where it says nothing
    text: str  # for showing only


@dataclass(frozen=True, kw_only=True)
class MetricProbe:
    """One prompt that a metric is measured with. The first of the accepted answers is the gold answer."""

    metric: MetricName
    group: str
    prompt: str
    answers: tuple[str, ...]  # distinct; () where the model's own answer is still to be put in
    source: OldSource = "data"  # "model": the answer is what the unedited model says
    own_ids: tuple[int, ...] = ()  # then its tokens; the text is for showing only

    @property
    def given(self) -> tuple[str | tuple[int, ...], ...]:
        """What is put to the model for each accepted answer: its text, or the model's own tokens."""
        return (self.own_ids,) if self.source == "model" else self.answers

    def counted(self, which: Answers) -> tuple[str, ...]:
        """The accepted answers that count teacher-forced: the first alone, as KnowEdit's runner has it, or all."""
        return self.answers[:1] if which == "first" else self.answers


@dataclass(frozen=True, kw_only=True)
class FactProbes:
    """All probes of one fact, and in words those that were dropped."""

    probes: tuple[MetricProbe, ...]
    dropped: tuple[str, ...] = ()

    @property
    def without_gold(self) -> tuple[MetricProbe, ...]:
        """The probes that need the model's own answer."""
        return tuple(probe for probe in self.probes if not probe.answers)


def fact_probes(fact: Fact, *, per_group: int | None = None) -> FactProbes:
    """The probes of a fact that has a new answer; at most the first `per_group` of each metric's group.

    A locality probe whose gold answer is the new answer is dropped: it would punish a good edit. A locality probe
    without gold stays, for the model's own answer. A portability probe without an answer is dropped.
    """
    dropped: list[str] = []
    probes = [
        MetricProbe(metric="rewrite", group="rewrite", prompt=fact.prompt, answers=(fact.target_new,)),
        *(
            MetricProbe(metric="rephrase", group="rephrase", prompt=prompt, answers=(fact.target_new,))
            for prompt in fact.rephrases
        ),
        *_locality(fact, dropped),
        *_portability(fact.portability, dropped),
    ]
    if per_group is not None:
        probes = _first_of_groups(probes, per_group)
    return FactProbes(probes=tuple(probes), dropped=tuple(dropped))


def locality_probes(facts: Sequence[Fact], most: int | None) -> tuple[MetricProbe, ...]:
    """Those that are asked throughout many edits: the first of each fact, then the second, …

    Each prompt is asked once, and none that is edited.
    """
    edited = {fact.prompt for fact in facts}
    of_facts = [[probe for probe in fact_probes(fact).probes if probe.metric == "locality"] for fact in facts]
    probes: dict[str, MetricProbe] = {}
    for together in zip_longest(*of_facts):
        for probe in together:
            if probe is not None and probe.prompt not in edited:
                probes.setdefault(probe.prompt, probe)
    return tuple(probes.values())[:most]


def left_out(facts: Iterable[Fact], per_group: int | None) -> LeftOut:
    """The probes that are not asked where a group has at most `per_group`: metric -> group -> how many."""
    over: dict[str, dict[str, int]] = {}
    for fact in facts if per_group is not None else ():
        sizes = Counter((probe.metric, probe.group) for probe in fact_probes(fact).probes)
        for (metric, group), size in sizes.items():
            if size > per_group:
                groups = over.setdefault(metric, {})
                groups[group] = groups.get(group, 0) + size - per_group
    return over


def left_out_of_many(facts: Iterable[Fact], rephrases: int | None, locality: int) -> LeftOut:
    """The probes that many edits do not ask: paraphrases beyond so many a fact, locality beyond so many in all.

    As `left_out` has them. A prompt that is written twice counts once, with its last fact.
    """
    edited = [fact for fact in facts if fact.target_new is not None]
    over = {
        "rephrase": Counter(
            probe.group
            for fact in {fact.prompt: fact for fact in edited}.values()
            if rephrases is not None
            for probe in [probe for probe in fact_probes(fact).probes if probe.metric == "rephrase"][rephrases:]
        ),
        "locality": Counter(probe.group for probe in locality_probes(edited, None)[locality:]),
    }
    return {metric: dict(groups) for metric, groups in over.items() if groups}


def dropped_locality(facts: Iterable[Fact]) -> int | None:
    """Locality probes that are not asked because their gold answer is the new one: left out when read, or dropped here.

    None where it is not recorded for each of the facts: earlier versions did not, and a fact made in code need not.
    """
    counts = [
        None if fact.dropped_locality is None else fact.dropped_locality + _expecting_new(fact)
        for fact in facts
        if fact.target_new is not None
    ]
    return None if None in counts else sum(counts)


def acting_cap(fact: Fact, per_group: int | None) -> int | None:
    """The cap on a fact's probes where it leaves any out; None where the fact is measured with all of them."""
    return per_group if left_out([fact], per_group) else None


def asks_own_answer(fact: Fact, per_group: int | None = None) -> bool:
    """Whether a probe that is asked needs the model's own answer; `per_group` as in `fact_probes`."""
    if fact.target_new is None or all(gold_answer(probe) is not None for probe in fact.locality):
        return False
    return bool(fact_probes(fact, per_group=per_group).without_gold)


def matched_without_words(fact: Fact) -> bool:
    """Whether what is asked freely of an edit of this fact accepts an answer that is not compared by whole words."""
    if fact.target_new is None:
        return False
    freely = (probe for probe in fact_probes(fact).probes if probe.metric != "locality")  # which compares tokens
    return any(has_no_words(answer) for probe in freely for answer in probe.answers)


def with_own_answers(asked: FactProbes, own: Sequence[OwnAnswer]) -> FactProbes:
    """With the model's own answers put into the probes without gold, in order; an empty one drops its probe.

    Within a metric the probes with the model's answer come last.
    """
    answers = iter(own)
    probes: list[MetricProbe] = []
    dropped = list(asked.dropped)
    for probe in asked.probes:
        if probe.answers:
            probes.append(probe)
        elif (answer := next(answers)).ids:
            probes.append(replace(probe, answers=(answer.text,), source="model", own_ids=answer.ids))
        else:
            dropped.append(f"locality probe {probe.prompt!r}: no answer given, and the model has none")
    probes.sort(key=lambda probe: (METRICS.index(probe.metric), probe.source == "model"))
    return FactProbes(probes=tuple(probes), dropped=tuple(dropped))


def _locality(fact: Fact, dropped: list[str]) -> Iterator[MetricProbe]:
    for probe in fact.locality:
        if expects(probe, fact.target_new):
            dropped.append(f"locality probe {probe.prompt!r}: its answer is the new answer")
            continue
        gold = gold_answer(probe)
        yield MetricProbe(
            metric="locality", group=probe.group, prompt=probe.prompt, answers=() if gold is None else (gold,)
        )


def _expecting_new(fact: Fact) -> int:
    return sum(expects(probe, fact.target_new) for probe in fact.locality)


def _portability(probes: Sequence[Probe], dropped: list[str]) -> Iterator[MetricProbe]:
    for probe in probes:
        if answers := accepted_answers(probe):
            yield MetricProbe(metric="portability", group=probe.group, prompt=probe.prompt, answers=answers)
        else:
            dropped.append(f"portability probe {probe.prompt!r}: no answer given")


def _first_of_groups(probes: Sequence[MetricProbe], most: int) -> list[MetricProbe]:
    taken: Counter[tuple[str, str]] = Counter()
    kept = []
    for probe in probes:
        taken[probe.metric, probe.group] += 1
        if taken[probe.metric, probe.group] <= most:
            kept.append(probe)
    return kept
