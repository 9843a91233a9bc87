"""The forecast: what a rank-one edit would do at every layer, to first order (METHOD §7).

LGA compares two gradients at all positions; a ROME-family edit acts through one key k at one position, along one
direction d. Another prompt's token t feels the share a_t = (k_t·C⁻¹k) / (k·C⁻¹k) of it, so its nll changes by
Σ_t a_t g_t·d. One forward and one backward over the rewrite and its probes give that for every layer; no weight
gradient is formed. What is measured are the changes: bounds, weights and terms are chosen when they are read.
"""

from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

import numpy as np
import torch

from lga_core.data.facts import Fact, Probe
from lga_core.editing.rank_one import Inverse, RankOneSettings, moment_of
from lga_core.editing.search import Contexts
from lga_core.editing.settings import Settings, setting
from lga_core.models.generate import greedy
from lga_core.models.halving import Halving, in_one_step
from lga_core.models.loaded import LoadedModel
from lga_core.models.memory import batch_tokens, gradient_bytes
from lga_core.models.moments import second_moments
from lga_core.models.quantized import require_gradients
from lga_core.models.texts import IDENTITY
from lga_core.models.tokens import TokenRow, answer_row, prompt_row
from lga_core.results import Cost, FactRow, Progress, SurveyRow, retold
from lga_core.scores.first_order import Case, edit_changes, edit_keys
from lga_core.scores.lga import old_answer

VERSION = 1
BATCH_TOKENS = 384                           # in one forward pass where they fit; a batch holds at least one fact
KEPT_BYTES = 2**30                           # of the facts' directions C⁻¹k, over all layers
OWN_TOKENS = 5                               # of the model's own answer, where a locality probe has none
EDITOR = RankOneSettings()


@dataclass(frozen=True, kw_only=True)
class ForecastSettings(Settings):
    """Settings of the measurement. Those of C are R-ROME's, whose edit is forecast."""

    covariance: str = setting(EDITOR.covariance, "Second moment C", "As of the editor.")
    tokens_per_input: int = setting(EDITOR.tokens_per_input, "Text for C",
                                    "Tokens of text for each input dimension of the layer.",
                                    least=EDITOR.tokens_per_input)
    ridge: float = setting(EDITOR.ridge, "Ridge", "Added to C, as a share of the mean of its diagonal.", least=0)
    seed: int = setting(EDITOR.seed, "Seed", "For the text that C is from.", least=0)
    probes: int = setting(2, "Probes", "Of each group, at most; the first ones of a fact.", least=1)
    portability: bool = setting(False, "Portability", "Measure the portability probes too.")

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self.editor                      # refuses a source of C that there is none of

    @property
    def editor(self) -> RankOneSettings:
        """The editor whose C this is."""
        return RankOneSettings(covariance=self.covariance, tokens_per_input=self.tokens_per_input, ridge=self.ridge,
                               seed=self.seed)


def forecast_rows(model: LoadedModel, facts: Sequence[Fact], survey: Sequence[SurveyRow], settings: ForecastSettings,
                  done: Collection[int] = frozenset()) -> Iterator[FactRow | Progress]:
    """First-order changes of every layer's edit; yields one row a fact, in order, and the progress to the first.

    `values`, for a δ of norm ‖v0‖, so in nats for each unit of the norm bound: "change/rewrite" (L,) through the
    subject's last token, "change/whole-rewrite" (L,) through all; "change/<term>" (P, L) for the P probes of
    rephrase, locality and portability, and "overlap/<term>" (P, L), the a_t of largest size among a probe's tokens.
    Beside them "nll/rewrite" () and "nll/<term>" (P,) in nats, "group/<term>" (P,) numbers of the probes' groups,
    "gradient-norm" ‖g‖, "value-norm" ‖v0‖ and "key-strength" k·C⁻¹k, each (L,). What a fact has no probes for is
    absent. Where the subject's end does not reach the answer (the last layer, mostly), g and with it d are 0.
    """
    todo = [(fact, row) for fact, row in zip(facts, survey, strict=True) if fact.record not in done]
    most = max(1, KEPT_BYTES // sum(8 * block.down.d_in for block in model.architecture.blocks))
    for first in range(0, len(todo), most):
        yield from _round(model, todo[first:first + most], settings)


def _round(model: LoadedModel, todo: Sequence[tuple[Fact, SurveyRow]],
           settings: ForecastSettings) -> Iterator[FactRow | Progress]:
    """The rows of as many facts as can have their directions in memory together."""
    prepared: list[Case | FactRow] = []
    for fact, row in todo:
        prepared.append(_prepare(model, fact, row, settings))
        if isinstance(prepared[-1], Case) and prepared[-1].own.forward_rows:
            yield Progress(label="the model's own answers", done=len(prepared), total=len(todo))
    cases = [item for item in prepared if isinstance(item, Case)]
    finished: dict[int, FactRow] = {item.record: item for item in prepared if isinstance(item, FactRow)}
    halving, batch_of = Halving(what="The forecast"), {}
    if cases:
        require_gradients(model, "The forecast")
        most = batch_tokens(model, "The forecast", gradient_bytes(model), BATCH_TOKENS)
        directions = yield from _directions(model, cases, settings, most)
        batch_of = {cases[i].fact.record: batch for batch in _batches(model, [case.given for case in cases], most)
                    for i in batch}

    def measure(batch: Sequence[int]) -> list[FactRow]:
        with model.using("forecast"):
            return _measure(model, [cases[i] for i in batch], directions.of(batch))

    def size(batch: Sequence[int]) -> int:
        return _tokens(model, [row for i in batch for row in cases[i].given])

    for number, item in enumerate(prepared):
        record = item.record if isinstance(item, FactRow) else item.fact.record
        if record not in finished:           # in the facts' order, running a batch when its first fact is due
            rows = yield from retold(halving.steps(in_one_step(measure), batch_of[record], size),
                                     lambda step, number=number: replace(step, done=number, total=len(prepared)))
            finished.update((row.record, row) for row in rows)
        yield finished.pop(record)


def _prepare(model: LoadedModel, fact: Fact, row: SurveyRow, settings: ForecastSettings) -> Case | FactRow:
    if fact.target_new is None:
        answer, source = old_answer(fact, row, "data")
        return FactRow(record=fact.record, status="no new answer", old_answer=answer or None, old_source=source,
                       known=row.known, values={})
    contexts = Contexts.of(model, fact, ())              # the row and the position that editors take
    rows = [("rewrite", "rewrite", contexts.rows[0])]
    rows += [("rephrase", "rephrase", answer_row(model.tokenizer, text, fact.target_new))
             for text in fact.rephrases[:settings.probes]]
    begin, asked = perf_counter(), 0
    for probe in _capped(fact.locality, settings.probes):
        gold = next((answer for answer in probe.accepted if answer.strip()), None)
        if gold is None:
            gold, asked = _own_answer(model, probe), asked + 1
        if gold and gold.strip().casefold() != fact.target_new.strip().casefold():
            rows.append(("locality", probe.group, answer_row(model.tokenizer, probe.prompt, gold)))
    seconds = perf_counter() - begin if asked else 0.0
    for probe in _capped(fact.portability, settings.probes) if settings.portability else ():
        if gold := next((answer for answer in probe.accepted if answer.strip()), None):
            rows.append(("portability", probe.group, answer_row(model.tokenizer, probe.prompt, gold)))
    terms, groups, tokens = zip(*rows, strict=True)
    return Case(fact=fact, survey=row, rows=tokens, end=contexts.subject_ends[0], terms=terms, groups=groups,
                own=Cost(seconds=seconds, forward_rows=asked))


def _capped(probes: Sequence[Probe], most: int) -> list[Probe]:
    """The first ones of each group."""
    groups = dict.fromkeys(probe.group for probe in probes)
    return [probe for group in groups for probe in [one for one in probes if one.group == group][:most]]


def _own_answer(model: LoadedModel, probe: Probe) -> str:
    """What the model says to a probe without gold: its own 5 greedy tokens (METHOD §5)."""
    with model.using("the model's own answers"):
        ids, = greedy(model, [prompt_row(model.tokenizer, probe.prompt)], OWN_TOKENS)
    return model.tokenizer.decode(ids).strip()


def _batches(model: LoadedModel, given: Sequence[Sequence[TokenRow]], most: int) -> list[list[int]]:
    """Places of facts in `given`, the rows of each: those of like length together, as many as fit in `most` tokens."""
    batches: list[list[int]] = []
    for i in sorted(range(len(given)), key=lambda i: sum(map(len, given[i]))):
        joined = [row for j in batches[-1] for row in given[j]] if batches else []
        if not joined or _tokens(model, [*joined, *given[i]]) > most:
            batches.append([])
        batches[-1].append(i)
    return batches


def _tokens(model: LoadedModel, rows: Sequence[TokenRow]) -> int:
    """What a pass over these rows computes: pads too, where the model does not pack rows."""
    return sum(map(len, rows)) if model.architecture.packs else len(rows) * max(map(len, rows))


@dataclass(frozen=True, kw_only=True, eq=False)
class Directions:
    """What each fact's edit listens to at each layer: C⁻¹k / (k·C⁻¹k), on the CPU in float32 or better."""

    vectors: Mapping[int, torch.Tensor]      # layer -> (facts, d_in)
    strength: torch.Tensor                   # (facts, L) k·C⁻¹k, float64
    cost: Cost                               # a fact's share

    def of(self, facts: Sequence[int]) -> "Directions":
        """Those of some facts, in that order."""
        return Directions(vectors={layer: vectors[list(facts)] for layer, vectors in self.vectors.items()},
                          strength=self.strength[list(facts)], cost=self.cost)


def _directions(model: LoadedModel, cases: Sequence[Case], settings: ForecastSettings,
                most: int) -> Generator[Progress, None, Directions]:
    """One C at a time is in memory."""
    if settings.covariance != IDENTITY:
        yield from second_moments(model, range(model.layers), settings.seed, source=settings.covariance,
                                  tokens_per_input=settings.tokens_per_input)
    keys, read, seconds = {}, 0, 0.0
    for batch in _batches(model, [[case.beginning] for case in cases], most):
        begin = perf_counter()
        with model.using("forecast"), torch.no_grad():
            found = edit_keys(model, [cases[i] for i in batch])
        for layer, rows in found.items():
            keys.setdefault(layer, rows.new_empty(len(cases), rows.shape[-1]))[batch] = rows
        seconds += perf_counter() - begin
        read += len(batch)
        yield Progress(label="keys of the subjects", done=read, total=len(cases))
    strength = torch.empty(len(cases), model.layers, dtype=torch.float64)
    for layer in range(model.layers):
        begin = perf_counter()
        moment = yield from moment_of(model, layer, settings.editor)
        given = keys[layer].to(model.device, torch.float64)
        solved = Inverse.of(moment, settings.ridge, model.device).times(given)
        strong = (given * solved).sum(-1, keepdim=True)
        keys[layer] = (solved / strong).to(keys[layer])            # in the place of the keys: one of the two is kept
        strength[:, layer] = strong[:, 0].cpu()
        seconds += perf_counter() - begin
        yield Progress(label="directions of the edits", done=layer + 1, total=model.layers)
    share = Cost(seconds=seconds / len(cases))
    return Directions(vectors=keys, strength=strength, cost=share)


def _measure(model: LoadedModel, cases: Sequence[Case], directions: Directions) -> list[FactRow]:
    begin, finished, first = perf_counter(), [], 0
    found = edit_changes(model, cases, directions.vectors)
    seconds = (perf_counter() - begin) / len(cases)
    for i, case in enumerate(cases):
        mine = {name: found[name][first:first + len(case.rows)] for name in ("change", "overlap", "nll")}
        first += len(case.rows)
        values = {name: found[name][i] for name in ("change/rewrite", "gradient-norm", "value-norm")}
        values |= {"change/whole-rewrite": mine["change"][0], "nll/rewrite": mine["nll"][0],
                   "key-strength": directions.strength[i].numpy()}
        numbers = {group: number for number, group in enumerate(dict.fromkeys(case.groups))}
        for term in dict.fromkeys(case.terms[1:]):
            members = [j for j, name in enumerate(case.terms) if name == term]
            values |= {f"{name}/{term}": array[members] for name, array in mine.items()}
            values[f"group/{term}"] = np.array([numbers[case.groups[j]] for j in members], dtype=float)
        answer, source = old_answer(case.fact, case.survey, "data")
        passes = Cost(seconds=seconds, forward_rows=len(case.rows) + len(case.beginning) / len(case.rows[0]),
                      backward_rows=len(case.rows))
        finished.append(FactRow(record=case.fact.record, status="used", old_answer=answer or None, old_source=source,
                                known=case.survey.known, values=values, cost=passes + directions.cost + case.own))
    return finished
