"""The rows of a sweep's cells: what its blocks run, counted once more by hooks, whatever batch a fact is in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
import torch
from conftest import make_fact, tiny_model
from editing.writing import SETTINGS, VALUE
from evaluation.sweep.sweeping import LAYERS, by_place, settings_of

from lga_core.data.facts import Probe
from lga_core.editing.search.contexts import Contexts
from lga_core.editing.search.values import searched_anew
from lga_core.editing.settings import FineTuningSettings, RankOneSettings
from lga_core.evaluation.experiments import layer_sweep
from lga_core.evaluation.experiments.layer_sweep import sweep_cells
from lga_core.models.loaded import LoadedModel
from lga_core.models.text.own_text import prefixes
from lga_core.models.text.tokens import answer_row

ALONE = RankOneSettings(value=VALUE, contexts=0, covariance="identity")  # one row, and no text is read
TRAINING = FineTuningSettings(steps=3)
AT_ONCE = FineTuningSettings(steps=5, stop_loss=1e9)
NO_PROBES = {"rephrases": (), "locality": (), "portability": ()}


@dataclass
class Run:
    """Rows that the blocks ran."""

    forward: list[float] = field(default_factory=list)
    backward: list[float] = field(default_factory=list)


@contextmanager
def counted(model: LoadedModel, columns: int | None) -> Iterator[Run]:
    """`columns` of a whole row; None: whatever is run is a whole one."""
    run = Run()

    def count(_module, _given, output):
        hidden = output[0] if isinstance(output, tuple) else output
        rows, width, _ = hidden.shape
        size = rows * (1 if columns is None else width / columns)
        run.forward.append(size)
        if hidden.requires_grad:
            hidden.register_hook(lambda _gradient: run.backward.append(size))

    handles = [block.module.register_forward_hook(count) for block in model.architecture.blocks]
    yield run
    for handle in handles:
        handle.remove()


@pytest.mark.parametrize(
    ("family", "editor", "settings", "prompt", "answer"),
    [
        ("llama", "r-rome", ALONE, "Space Needle is in", "Rome or Paris"),
        ("gpt2", "r-rome", ALONE, "Space Needle is in downtown", "Rome or Paris"),
        # A norm follows its MLP: the edited block runs too. The last layer reaches the answer of a subject at the end.
        ("gemma3", "r-rome", ALONE, "Space Needle", "Rome or Paris"),
        ("llama", "ft-m", TRAINING, "Space Needle is in", "Rome or Paris"),
        ("llama", "ft-m", AT_ONCE, "Space Needle is in", "Rome or Paris"),
        ("gpt2", "ft-l", TRAINING, "Space Needle is in", "Rome or Paris"),
    ],
)
def test_a_sweeps_rows_are_what_its_blocks_run(family, editor, settings, prompt, answer):
    model = tiny_model(family, torch.float32)
    fact = replace(make_fact(0, prompt, "Space Needle", answer, None), **NO_PROBES)
    columns = len(answer_row(model.asking, prompt, answer).given)  # of every row, so that none has a pad
    trained = editor.startswith("ft")

    def sweep():
        with searched_anew():
            return list(sweep_cells(model, [fact], range(model.layers), editor, settings))

    sweep()  # what is tried once a model is no cell's
    with counted(model, None if trained else columns) as run:
        cells = sweep()
    assert sum(cell.cost.forward_rows for cell in cells) == pytest.approx(sum(run.forward) / model.layers)
    assert sum(cell.cost.backward_rows for cell in cells) == pytest.approx(sum(run.backward) / model.layers)
    assert run.backward


def test_a_step_runs_the_columns_from_the_last_subject_token_on(facts):
    """A prompt that begins with its subject has no row for KL."""
    model = tiny_model("llama", torch.float32)
    told = replace(facts[0], prompt="Space Needle is in", subject="Space Needle", span=(0, 12), **NO_PROBES)
    plain = replace(facts[0], record=1, **NO_PROBES)
    cells = by_place(sweep_cells(model, [told, plain], (0,), "r-rome", SETTINGS))
    for fact, rows in ((told, 3), (plain, 4)):
        contexts = Contexts.of(model, fact, prefixes(model, SETTINGS.contexts, SETTINGS.seed))
        asked = [  # the answer's last token is not run
            (len(row) - 1 - end) / (len(row) - 1)
            for row, end in zip(contexts.rows[:3], contexts.subject_ends[:3], strict=True)
        ]
        step = sum(asked) + (1 / len(contexts.rows[-1]) if rows == 4 else 0)
        cell = cells[fact.record, 0]
        blocks = (model.layers - 1) / model.layers  # δ arrives at the edited block's output as it is
        assert cell.cost.backward_rows == pytest.approx((len(cell.losses) - 1) * step * blocks)
        probes = 1 + len(cell.losses) * step * blocks
        assert cell.cost.forward_rows == pytest.approx(probes + (rows + 1) / model.layers)


@pytest.mark.parametrize("editor", ["r-rome", "ft-m"])
def test_a_cells_rows_are_those_of_its_fact_in_any_batch_and_any_sweep(editor, some, monkeypatch):
    """Among them a probe that the model has to answer first."""
    model = tiny_model("gpt2", torch.float32)
    some = [replace(some[0], locality=(Probe(prompt="The city of", answers=(), group="Own"),)), *some[1:]]
    together = by_place(sweep_cells(model, some, LAYERS, editor, settings_of(editor)))
    monkeypatch.setattr(layer_sweep, "KEPT_BYTES", 1)  # one layer at a time
    for fact in some:
        (cell,) = sweep_cells(model, [fact], (2,), editor, settings_of(editor))
        other = together[fact.record, 2]
        assert len(cell.losses) == len(other.losses)
        assert (cell.cost.forward_rows, cell.cost.backward_rows) == pytest.approx(
            (other.cost.forward_rows, other.cost.backward_rows)
        )
