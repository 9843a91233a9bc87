"""The forecast the plain way: token by token with explicit autograd and an explicit C⁻¹, and by edits that are made."""

from types import SimpleNamespace

import numpy as np
import torch
from reporting import checked
from scores.ordering import in_order

from lga_core.editing.edits import LowRankEdit, applied
from lga_core.models.moments.second_moment import second_moment
from lga_core.models.running.generate import greedy
from lga_core.models.running.hooks import on_outputs
from lga_core.models.text.tokens import TokenRow, answer_row, prompt_row, subject_span
from lga_core.scores.forecast.forecast import forecast_rows
from lga_core.scores.known_facts import check_known_facts

RIDGE = 1e-2
PROBES = ("rephrase", "locality", "portability")


def measured(model, facts, settings, **more):
    rows = forecast_rows(model, facts, list(check_known_facts(model, facts)), settings, **more)
    return in_order(checked(rows), facts)


def probe_rows(model, fact, term):
    """The token rows that a term is about, written out."""
    new, own = fact.target_new, "The Eiffel Tower stands in"
    if term == "rewrite":
        return [answer_row(model.asking, fact.prompt, new)]
    if term == "rephrase":
        return [answer_row(model.asking, text, new) for text in fact.rephrases[:2]]
    rows, own_rows = [], []  # those with the model's own answer come last
    for probe in fact.locality if term == "locality" else fact.portability:
        if probe.prompt == own:
            given = prompt_row(model.asking, own)
            (ids,) = greedy(model, [given], 5)
            own_rows.append(TokenRow(ids=given.ids + ids, start=len(given)))
        elif probe.group != "The new answer" and probe.prompt != "Toyota is from":  # the third of its group
            gold = next(name for name in probe.accepted if name.strip())
            rows.append(answer_row(model.asking, probe.prompt, gold))
    return rows + own_rows


def nll(model, row):
    logits = model.model(torch.tensor([row.ids])).logits[0].log_softmax(-1)
    return -sum(logits[row.start + j - 1, token] for j, token in enumerate(row.answer)) / len(row.answer)


def watched(model, row, layer):
    """Inputs, outputs and gradients at one layer's down projection, each (T, d) float64, and the nll."""
    seen = SimpleNamespace()

    def keep(given, output):
        seen.inputs, seen.outputs = given, output.detach().clone().requires_grad_()
        return seen.outputs

    with on_outputs({model.architecture.blocks[layer].down.module: keep}):
        loss = nll(model, row)
    (gradient,) = torch.autograd.grad(loss, seen.outputs)
    inputs, outputs, gradient = (part.detach()[0].double() for part in (seen.inputs, seen.outputs, gradient))
    return inputs, outputs, gradient, float(loss.detach())


def subject_end(model, fact):
    return subject_span(model.asking, f"{fact.prompt} {fact.target_new}", fact.span)[1] - 1


def the_edit(model, fact, layer, settings):
    """(d, C⁻¹k / (k·C⁻¹k), g, v0, k·C⁻¹k) of a fact, from METHOD.md §7's formulas."""
    inputs, outputs, gradients, _ = watched(model, answer_row(model.asking, fact.prompt, fact.target_new), layer)
    end = subject_end(model, fact)
    key, start, pull = inputs[end], outputs[end], gradients[end]
    moment = second_moment(model, layer, source=settings.covariance).double()
    inverse = torch.linalg.inv(moment + RIDGE * moment.diagonal().mean() * torch.eye(len(moment)))
    step = -start.norm() * pull / pull.norm() if pull.norm() > 0 else torch.zeros_like(pull)
    return step, inverse @ key / (key @ inverse @ key), pull, start, key @ inverse @ key


def naive(model, fact, layer, settings):
    """One layer of `forecast_rows`, token by token, with the sum of sizes that each number is made of."""
    step, listens, pull, start, strength = the_edit(model, fact, layer, settings)
    values = {
        "gradient-norm": pull.norm(),
        "value-norm": start.norm(),
        "key-strength": strength,
        "change/rewrite": pull @ step,
    }
    scale = dict(values)
    for term in ("rewrite", *PROBES):
        changes, sizes, overlaps, nlls = [], [], [], []
        for row in probe_rows(model, fact, term):
            inputs, _, gradients, loss = watched(model, row, layer)
            parts = [(key @ listens) * (gradient @ step) for key, gradient in zip(inputs, gradients, strict=True)]
            shares = [float(key @ listens) for key in inputs[: max(len(row) - 1, 1)]]
            changes.append(float(sum(parts)))
            sizes.append(float(sum(part.abs() for part in parts)))
            overlaps.append(max(shares, key=abs))
            nlls.append(loss)
        if term == "rewrite":
            values |= {"change/whole-rewrite": changes[0], "nll/rewrite": nlls[0]}
            scale |= {"change/whole-rewrite": sizes[0], "nll/rewrite": nlls[0]}
        elif changes:
            values |= {f"change/{term}": changes, f"overlap/{term}": overlaps, f"nll/{term}": nlls}
            scale |= {f"change/{term}": sizes, f"overlap/{term}": np.maximum(np.abs(overlaps), 1), f"nll/{term}": nlls}
    return values, scale


def assert_as_naive(model, facts, settings, tolerance):
    for fact, row in zip(facts, measured(model, facts, settings), strict=True):
        for layer in range(model.layers):
            expected, scale = naive(model, fact, layer, settings)
            assert {name for name in row.values if not name.startswith("group/")} == set(expected)
            for name, value in expected.items():
                ours = row.values[name] if name.startswith("nll/") else row.values[name][..., layer]
                error = np.abs(ours - np.asarray(value))
                assert np.all(error <= tolerance * np.abs(np.asarray(scale[name])) + 1e-12), (name, layer)


def slope(model, row, layer, step, listens, small=1e-2):
    """The derivative of a row's nll along an edit that is really made, by a five-point stencil.

    The steps are not smaller because RMSNorm computes in float32, whatever the model's dtype.
    """
    matrix, losses = model.architecture.blocks[layer].down.name, {}
    for factor in (-2, -1, 1, 2):
        edit = LowRankEdit(layer=layer, matrix=matrix, left=factor * small * step[None], right=listens[None])
        with torch.no_grad(), applied(model, [edit]):
            losses[factor] = float(nll(model, row))
    return (8 * (losses[1] - losses[-1]) - (losses[2] - losses[-2])) / (12 * small)
