"""Causal traces averaged over facts at six kinds of token, as in ROME's figure of average causal effects.

Source: kmeng01/rome, notebooks/average_causal_effects.ipynb, `read_knowlege`. Needs no torch.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from lga_core.errors import LgaError
from lga_core.results import POSITIONS, AverageTrace, CausalTrace, Cost, KnownFactCheck
from lga_core.scores.methods import FEWEST_TRACED

NORMAL_95 = 1.96
NOT_KNOWN = "not known by the model"
NOT_FINITE = "its effects are not finite"


def token_groups(subject: tuple[int, int], tokens: int) -> tuple[range, ...]:
    """Which tokens of a prompt stand at each of POSITIONS; an empty range where it has none.

    "The Space Needle is in downtown", subject (1, 4) of 7 tokens: 1 | 2 | 3 | 4 | 5 | 6.
    """
    first, end = subject
    after = range(end, tokens)
    # As in ROME's code: a subject of one token is both its first and its last one and has no middle, and where one
    # token follows the subject it is both the first after it and the last. A prompt that ends with its subject has
    # none of the three after it (ROME's prompts never do): its last token stands under "last subject token".
    return (
        range(first, first + 1),
        range(first + 1, end - 1),
        range(end - 1, end),
        after[:1],
        after[1:-1],
        after[-1:],
    )


def untraced(checks: Iterable[KnownFactCheck]) -> dict[str, list[int]]:
    """Why facts are not traced: reason to their records. The others are known, or have no old answer."""
    reasons: dict[str, list[int]] = {}
    for check in checks:
        reason = NOT_KNOWN if check.known is False else check.refusal
        if reason is not None:
            reasons.setdefault(reason, []).append(check.record)
    return reasons


def average_traces(traces: Sequence[CausalTrace], left_out: Mapping[str, Sequence[int]] | None = None) -> AverageTrace:
    """The mean over each fact's tokens of a position, then over the facts that have it.

    ROME's code pools the middle and further tokens of all facts instead, so that long prompts count more and the
    tokens of one prompt pass for independent ones. `left_out`: reason to the records that were asked for and not
    traced. Raises LgaError where there is nothing to average, or traces that were made in different ways.
    """
    missing = {reason: tuple(records) for reason, records in (left_out or {}).items() if records}
    overflown = tuple(trace.record for trace in traces if not np.isfinite(trace.effect).all())
    missing |= {NOT_FINITE: overflown} if overflown else {}
    used = [trace for trace in traces if trace.record not in overflown]
    if not used:
        raise LgaError(
            "There is no trace to average." + "".join(f" Facts {why}: {len(which)}." for why, which in missing.items()),
            hint="Choose more facts, or facts that the model knows.",
        )
    _refuse_mixed(used)
    by_fact = np.stack([_by_position(trace) for trace in used])  # (facts, 6, L)
    n = tuple(int(count) for count in np.isfinite(by_fact[:, :, 0]).sum(0))
    columns = [by_fact[np.isfinite(by_fact[:, place, 0]), place] for place in range(len(POSITIONS))]  # each (n, L)
    no_value = np.full(by_fact.shape[-1], np.nan)
    return AverageTrace(
        kind=used[0].kind,
        window=used[0].window,
        draws=used[0].draws,
        noise=used[0].noise,
        positions=POSITIONS,
        effect=np.stack([values.mean(0) if len(values) else no_value for values in columns]),
        half_width=np.stack([_half_width(values) if len(values) > 1 else no_value for values in columns]),
        n=n,
        total_effect=float(np.mean([trace.total_effect for trace in used])),
        records=tuple(trace.record for trace in used),
        own_answers=tuple(trace.record for trace in used if trace.answer_source == "model"),
        left_out=missing,
        caution=_caution(len(used)),
        cost=sum((trace.cost for trace in used), Cost()),
    )


def _by_position(trace: CausalTrace) -> np.ndarray:
    """One fact's mean effect at each position, (6, L); NaN at a position that its prompt does not have."""
    tokens, layers = trace.effect.shape
    rows = [
        trace.effect[group.start : group.stop].mean(0) if group else np.full(layers, np.nan)
        for group in token_groups(trace.subject, tokens)
    ]
    return np.stack(rows)


def _half_width(values: np.ndarray) -> np.ndarray:
    """1.96·sd/√n over the facts of `values` (n, L), n > 1."""
    return NORMAL_95 * values.std(0, ddof=1) / np.sqrt(len(values))


def _refuse_mixed(traces: Sequence[CausalTrace]) -> None:
    """Raise LgaError for traces that say different things."""
    made: dict[str, set[Any]] = {
        "kinds": {trace.kind for trace in traces},
        "windows": {trace.window for trace in traces},
        "numbers of layers": {trace.effect.shape[1] for trace in traces},
        "numbers of draws": {trace.draws for trace in traces},
        "noise levels": {float(f"{trace.noise:.6g}") for trace in traces},  # machines differ in the last digits
    }
    for what, values in made.items():
        if len(values) > 1:
            raise LgaError(
                f"Traces of different {what} cannot be averaged: {', '.join(map(str, sorted(values)))}.",
                hint="Average traces of one model, kind and window that were made over one set of facts.",
            )


def _caution(usable: int) -> str | None:
    if usable >= FEWEST_TRACED:
        return None
    facts = "1 usable fact" if usable == 1 else f"{usable} usable facts"
    return f"only {facts}, fewer than {FEWEST_TRACED}: the average may be of these facts more than of the model"
