"""Made-up but lifelike results: gradient products over four orders of magnitude, effects that peak in the middle."""

import numpy as np

from lga_core.results import (
    Bootstrap,
    CausalTrace,
    Cost,
    EditReport,
    FactRow,
    LayerScores,
    Metric,
    ProbeResult,
    Selection,
    TokenAttribution,
)

PROMPTS = (
    "The Space Needle is in downtown",
    "The mother tongue of Danielle Darrieux is",
    "LeBron James plays the sport of",
    "The headquarters of the Bayerische Motoren Werke Aktiengesellschaft are in the city of",
    "iOS was developed by",
    "The capital of France is",
    "Edwin of Northumbria, who was the first Christian king there, worshipped",
    "<b>Bold</b> & <a href='javascript:alert(1)'>click</a> live in",
    "=SUM(A1:A9) is a formula of",
)


def labels(n):
    return {record: f"{PROMPTS[record % len(PROMPTS)]}" for record in range(n)}


def rows(values, unused, records=None):
    made = []
    for index, row in enumerate(values):
        out = index in unused
        made.append(
            FactRow(
                record=index if records is None else records[index],
                status="the model does not know this fact" if out else "used",
                old_answer="Seattle",
                old_source="data",
                known=index % 5 != 0,
                values={} if out else {"score": row},
                cost=Cost(seconds=0.1, forward_rows=2, backward_rows=2),
            )
        )
    return tuple(made)


def lga_scores(n=32, layers=18, seed=0, unused=(3, 20), excluded=True, negative=False):
    generator = np.random.default_rng(seed)
    place = np.arange(layers) / max(layers - 1, 1)
    size = 10 ** (5.2 - 4.2 * np.clip(place * 1.2, 0, 1) + generator.normal(0, 0.35, (n, layers)))
    sign = -1.0 if negative else np.where(generator.random((n, layers)) < 0.62, -1.0, 1.0)
    values = size * sign
    unused = [index for index in unused if index < n and n > 1]
    values[unused] = np.nan
    total = np.nansum(values, axis=0)
    order = [int(layer) for layer in np.argsort(-total)]
    q1, q3 = np.quantile(total, [0.25, 0.75])
    fences = (q1 - (q3 - q1), q3 + (q3 - q1))
    out = {
        layer: "below the lower fence" if total[layer] < fences[0] else "above the upper fence"
        for layer in sorted(order)
        if excluded and not fences[0] <= total[layer] <= fences[1]
    }
    ranking = tuple(layer for layer in order if layer not in out)
    share = generator.dirichlet(np.where(np.arange(layers) == ranking[0], 6.0, 0.25))
    return LayerScores(
        method="lga",
        settings={"old": "data"},
        rows=rows(values, unused),
        per_fact=values,
        total=total,
        total_is="sum",
        cost=Cost(seconds=3.1, forward_rows=64, backward_rows=64),
        selection=Selection(
            golden_layer=ranking[0],
            golden_layers=ranking[:3],
            ranking=ranking,
            excluded_layers=out,
            fences=fences if excluded else None,
        ),
        bootstrap=Bootstrap(
            draws=1000,
            seed=0,
            share=share,
            low=max(ranking[0] - 2, 0),
            high=min(ranking[0] + 1, layers - 1),
            margin=1.4,
        ),
    )


def cma_scores(n=32, layers=18, seed=1, kind="mlp", unused=(0, 5, 10, 15, 20, 25, 30)):
    generator = np.random.default_rng(seed)
    place = np.arange(layers) / max(layers - 1, 1)
    peak = np.exp(-((place - 0.35) ** 2) / 0.03)
    values = generator.beta(1.2, 4, (n, 1)) * peak * generator.uniform(0.3, 1, (n, layers))
    values += generator.normal(0, 0.004, values.shape)
    unused = [index for index in unused if index < n and n > 1]
    values[unused] = np.nan
    total = np.nanmean(values, axis=0)
    ranking = tuple(int(layer) for layer in np.argsort(-total))
    return LayerScores(
        method=f"cma-{kind}",
        settings={},
        rows=rows(values, unused),
        per_fact=values,
        total=total,
        total_is="mean",
        selection=Selection(
            golden_layer=ranking[0], golden_layers=ranking[:3], ranking=ranking, excluded_layers={}, fences=None
        ),
        bootstrap=None,
        cost=Cost(seconds=58.0, forward_rows=5000),
    )


TOKENS = ("The", " Space", " Need", "le", " is", " in", " downtown", "<br>", "\n", "$x$")


def causal_trace(layers=18, kind="mlp", tokens=TOKENS, seed=2, patching=False):
    generator = np.random.default_rng(seed)
    effect = generator.normal(0, 0.006, (len(tokens), layers))
    last = min(3, len(tokens) - 1)
    effect[last] += 0.4 * np.exp(-((np.arange(layers) / layers - 0.3) ** 2) / 0.03)
    effect[-1] += 0.25 * np.clip(np.arange(layers) / layers - 0.5, 0, 1)
    return CausalTrace(
        record=4,
        kind=kind,
        window=1 if kind == "hidden" else 6,
        prompt="".join(tokens),
        tokens=tuple(tokens),
        subject=(1, last + 1),
        answer=" Seattle",
        answer_source="data",
        p_clean=0.62,
        p_corrupted=0.04,
        noise=0.11,
        draws=10,
        effect=effect,
        patching=effect * 1.3 if patching else None,
    )


def token_attribution(tokens=TOKENS, seed=3):
    generator = np.random.default_rng(seed)
    return TokenAttribution(
        record=4,
        tokens=tuple(tokens),
        answers={"old": "Seattle", "new": "Boston"},
        scores={"old": generator.normal(0, 1, len(tokens)), "new": generator.normal(0, 0.5, len(tokens))},
        n_steps=20,
    )


def edit_report(layers=(11, 12)):
    generator = np.random.default_rng(5)
    losses = tuple(
        tuple(float(value) for value in 9 * np.exp(-np.arange(steps) / 3.2) + generator.uniform(0, 0.02, steps))
        for steps in range(18, 18 - 4 * len(layers), -4)
    )
    metric = Metric(teacher_forced=0.0, free=None, n=1)
    return EditReport(
        record=4,
        editor="r-rome",
        layers=layers,
        settings={},
        prompt=PROMPTS[0],
        subject="Space Needle",
        target_new="Boston",
        target_old="Seattle",
        before={"rewrite": metric},
        after={"rewrite": Metric(teacher_forced=100.0, free=100.0, n=1)},
        probes=(
            ProbeResult(
                metric="rewrite",
                group="rewrite",
                prompt=PROMPTS[0],
                expected="Boston",
                before=0.0,
                after=100.0,
                free_before=None,
                free_after=True,
                text_before='=HYPERLINK("http://x")',
                text_after='Boston, and, "so" on',
            ),
        ),
        dropped_probes=(),
        target_errors=(1e-5,) * len(layers),
        delta_norms=(1.2,) * len(layers),
        weight_norms=(30.0,) * len(layers),
        clamped=(False,) * len(layers),
        losses=losses,
        target_nll=0.03,
    )
