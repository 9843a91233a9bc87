"""The forecast: what a rank-one edit would do at every layer, to first order (METHOD.md §7).

LGA compares two gradients at all positions; a ROME-family edit acts through one key k at one position, along one
direction d. Another prompt's token t feels the share a_t = (k_t·C⁻¹k) / (k·C⁻¹k) of it, so its nll changes by
Σ_t a_t g_t·d. One forward and one backward over the rewrite and its probes give that for every layer; no weight
gradient is formed. What is measured are the changes: bounds, weights and terms are chosen when they are read.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
import torch

from lga_core.data.facts import Fact
from lga_core.editing.editors.rank_one import Inverse, moment_of, prepare_moments
from lga_core.editing.search.contexts import Contexts
from lga_core.models.loaded import LoadedModel
from lga_core.models.running.batching import by_tokens
from lga_core.models.running.memory import batch_tokens, gradient_bytes
from lga_core.models.running.own_answers import answered
from lga_core.models.structure.quantized import require_gradients
from lga_core.models.text.chat import UnaskableError
from lga_core.models.text.tokens import TokenRow, answer_row
from lga_core.probes.questions import fact_probes
from lga_core.progress import Phase, Progress, Reporter, silent
from lga_core.results import Cost, FactRow, KnownFactCheck, refusal_words
from lga_core.scores.answer_pairs import old_answer
from lga_core.scores.forecast.first_order import Case, edit_changes, edit_keys
from lga_core.scores.settings import ForecastSettings
from lga_core.scores.steps import inside, measured_row, rows_in_batches

BATCH_TOKENS = 384  # in one forward pass where they fit; a batch holds at least one fact
KEPT_BYTES = 2**30  # of the facts' directions C⁻¹k, over all layers


def forecast_rows(
    model: LoadedModel,
    facts: Sequence[Fact],
    checks: Sequence[KnownFactCheck],
    settings: ForecastSettings,
    done: Collection[int] = frozenset(),
    *,
    report: Reporter = silent,
) -> Iterator[FactRow]:
    """First-order changes of every layer's edit; yields one row a fact, batch by batch.

    `values`, for a δ of norm ‖v0‖, so in nats for each unit of the norm bound: "change/rewrite" (L,) through the
    subject's last token, "change/whole-rewrite" (L,) through all; "change/<term>" (P, L) for the P probes of
    rephrase, locality and portability, and "overlap/<term>" (P, L), the a_t of largest size among a probe's tokens.
    Beside them "nll/rewrite" () and "nll/<term>" (P,) in nats, "group/<term>" (P,) numbers of the probes' groups,
    "gradient-norm" ‖g‖, "value-norm" ‖v0‖ and "key-strength" k·C⁻¹k, each (L,). What a fact has no probes for is
    absent. Where the subject's end does not reach the answer (the last layer, mostly), g and with it d are 0.
    """
    left = [(fact, check) for fact, check in zip(facts, checks, strict=True) if fact.record not in done]
    most = max(1, KEPT_BYTES // sum(8 * block.down.d_in for block in model.architecture.blocks))
    for first in range(0, len(left), most):
        finished = len(facts) - len(left) + first
        yield from _rows_of_some(model, left[first : first + most], settings, finished, len(facts), report)


def _rows_of_some(
    model: LoadedModel,
    some: Sequence[tuple[Fact, KnownFactCheck]],
    settings: ForecastSettings,
    finished: int,
    total: int,
    report: Reporter,
) -> Iterator[FactRow]:
    """The rows of as many facts as can have their directions in memory together; `finished` of `total` are done."""
    prepared: list[Case | FactRow] = []
    report_step = inside(report, Phase.FORECAST, finished, total)
    for fact, check in some:
        prepared.append(forecast_case(model, fact, check, settings))
        report_step(_step("probes", len(prepared), len(some)))
    cases = [item for item in prepared if isinstance(item, Case)]
    if not cases:
        yield from (item for item in prepared if isinstance(item, FactRow))
        return
    require_gradients(model, "The forecast")
    most = batch_tokens(model, "The forecast", gradient_bytes(model), BATCH_TOKENS)
    prepare_moments(model, range(model.layers), settings.editor, report=report)
    directions = _directions(model, cases, settings, most, report_step)
    # Facts with rows of like length together, as many as fit.
    tokens = partial(_tokens, model)
    batches = by_tokens(cases, tokens, most, order=lambda case: sum(map(len, case.given)))
    measure = partial(_measure, model, directions)
    yield from rows_in_batches(prepared, batches, measure, tokens, Phase.FORECAST, finished, total, report)


def _step(what: str, done: int, total: int) -> Progress:
    return Progress(phase=Phase.FORECAST, done=done, total=total, detail=f"{what}, {done} of {total}")


def forecast_case(model: LoadedModel, fact: Fact, check: KnownFactCheck, settings: ForecastSettings) -> Case | FactRow:
    """A fact's rows: the rewrite and the first probes of each group, answered as the metrics do (METHOD.md §5).

    A row that says why where it has no new answer, or where the model cannot be asked one of its probes.
    """
    answer, source = old_answer(fact, check, "data")
    if fact.target_new is None:
        return FactRow.not_used(check, "no new answer", answer or None, source)
    try:
        return _askable_case(model, fact, check, settings)
    except UnaskableError as error:
        return FactRow.not_used(check, refusal_words(error.reason), answer or None, source)


def _askable_case(model: LoadedModel, fact: Fact, check: KnownFactCheck, settings: ForecastSettings) -> Case:
    begin = perf_counter()
    probes = [
        probe
        for probe in answered(model, fact_probes(fact, per_group=settings.probes)).probes
        if settings.portability or probe.metric != "portability"
    ]
    asked = sum(probe.source == "model" for probe in probes)
    seconds = perf_counter() - begin if asked else 0.0
    contexts = Contexts.of(model, fact, ())  # the row and the position that editors take
    others = [answer_row(model.asking, probe.prompt, probe.given[0]) for probe in probes[1:]]
    return Case(
        fact=fact,
        check=check,
        rows=(contexts.rows[0], *others),
        end=contexts.subject_ends[0],
        terms=tuple(probe.metric for probe in probes),
        groups=tuple(probe.group for probe in probes),
        own_answers=Cost(seconds=seconds, forward_rows=asked),
    )


def _tokens(model: LoadedModel, cases: Sequence[Case]) -> int:
    """What a pass over the rows of these facts computes."""
    return _computed_tokens(model, [row for case in cases for row in case.given])


def _computed_tokens(model: LoadedModel, rows: Sequence[TokenRow]) -> int:
    """What a pass over these rows computes: pads too, where the model does not pack rows."""
    return sum(map(len, rows)) if model.architecture.packs else len(rows) * max(map(len, rows))


@dataclass(frozen=True, kw_only=True, eq=False)
class Directions:
    """C⁻¹k / (k·C⁻¹k) of each fact at each layer: its product with another key is how much of the edit that feels."""

    vectors: Mapping[int, torch.Tensor]  # layer -> (facts, d_in), on the CPU in float32 or better
    strength: torch.Tensor  # (facts, L) k·C⁻¹k, float64
    places: Mapping[int, int]  # record -> the fact's place in both
    cost: Cost  # a fact's share

    def of(self, cases: Sequence[Case]) -> dict[int, torch.Tensor]:
        """Vectors of some facts, in that order."""
        places = [self.places[case.fact.record] for case in cases]
        return {layer: vectors[places] for layer, vectors in self.vectors.items()}


def _directions(
    model: LoadedModel, cases: Sequence[Case], settings: ForecastSettings, most: int, report: Reporter
) -> Directions:
    """One C at a time is in memory. Reports after each batch of keys and each layer."""
    places = {case.fact.record: i for i, case in enumerate(cases)}
    keys: dict[int, torch.Tensor] = {}
    read = 0
    seconds = 0.0
    for batch in by_tokens(
        cases,
        lambda batch: _computed_tokens(model, [case.prefix for case in batch]),
        most,
        order=lambda case: len(case.prefix),
    ):
        begin = perf_counter()
        with model.using(Phase.FORECAST):
            keys_of_batch = edit_keys(model, batch)
        for layer, rows in keys_of_batch.items():
            of_layer = keys.setdefault(layer, rows.new_empty(len(cases), rows.shape[-1]))
            of_layer[[places[case.fact.record] for case in batch]] = rows
        seconds += perf_counter() - begin
        read += len(batch)
        report(_step("keys of the subjects", read, len(cases)))
    strength = torch.empty(len(cases), model.layers, dtype=torch.float64)
    for layer in range(model.layers):
        begin = perf_counter()
        moment = moment_of(model, layer, settings.editor)
        key = keys[layer].to(model.device, torch.float64)
        solved = Inverse.of(moment, settings.ridge, model.device).times(key)
        strong = (key * solved).sum(-1, keepdim=True)  # k·C⁻¹k (facts, 1)
        keys[layer] = (solved / strong).to(keys[layer])  # in the place of the keys: one of the two is kept
        strength[:, layer] = strong[:, 0].cpu()
        seconds += perf_counter() - begin
        report(_step("directions of the edits, layer", layer + 1, model.layers))
    return Directions(vectors=keys, strength=strength, places=places, cost=Cost(seconds=seconds / len(cases)))


def _measure(model: LoadedModel, directions: Directions, cases: Sequence[Case]) -> list[FactRow]:
    begin = perf_counter()
    with model.using(Phase.FORECAST):
        changes = edit_changes(model, cases, directions.of(cases))
    seconds = (perf_counter() - begin) / len(cases)
    rows: list[FactRow] = []
    first = 0  # the fact's first row among those of all facts
    for i, case in enumerate(cases):
        of_rows = {name: changes[name][first : first + len(case.rows)] for name in ("change", "overlap", "nll")}
        of_fact = {name: changes[name][i] for name in ("change/rewrite", "gradient-norm", "value-norm")}
        first += len(case.rows)
        answer, source = old_answer(case.fact, case.check, "data")
        passes = Cost(
            seconds=seconds,
            forward_rows=len(case.rows) + len(case.prefix) / len(case.rows[0]),
            backward_rows=len(case.rows),
        )
        values = {
            **of_fact,
            "key-strength": directions.strength[directions.places[case.fact.record]].numpy(),
            **_values_by_term(case, of_rows),
        }
        cost = passes + directions.cost + case.own_answers
        rows.append(measured_row(model, case.check, answer or None, source, values, cost, "changes"))
    return rows


def _values_by_term(case: Case, of_rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """One fact's "change", "overlap" and "nll" (R, …), by term, with the numbers of the probes' groups."""
    values = {"change/whole-rewrite": of_rows["change"][0], "nll/rewrite": of_rows["nll"][0]}
    numbers = {group: number for number, group in enumerate(dict.fromkeys(case.groups))}
    for term in dict.fromkeys(case.terms[1:]):
        members = [j for j, name in enumerate(case.terms) if name == term]
        values |= {f"{name}/{term}": array[members] for name, array in of_rows.items()}
        values[f"group/{term}"] = np.array([numbers[case.groups[j]] for j in members], dtype=float)
    return values
