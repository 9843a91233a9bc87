"""The recorded example that comes with the code: small, whole, of both default models, no names of machines."""

import re

import pytest
from conftest import REAL_MODELS, load_real
from scores.ordering import in_order

from lga_core.errors import LgaError
from lga_core.results import FactRow
from lga_core.runs.replay.row_comparison import compared
from lga_core.runs.shipped import example, example_writing
from lga_core.runs.storage.index import RunIndex
from lga_core.runs.storage.recorded import facts_of_run
from lga_core.runs.storage.store import Store
from lga_core.scores.known_facts import check_known_facts
from lga_core.scores.methods import MEASUREMENTS
from lga_core.scores.settings import GradientSettings

MOST_BYTES = 2_000_000
RECOMPUTED = 3  # facts
ABSOLUTE_PATH = re.compile(r'"(?:/|~/|file:|[A-Za-z]:\\\\)[^"]*')  # of a file, as a JSON value
SUBJECTS = {"scores", "sweep", "trace", "attribution", "trial"}


@pytest.fixture(scope="module")
def recorded() -> example.Example:
    found = example.read_example()
    assert found is not None, "make it: python -m lga_core demo --write assets/demo"
    return found


def test_it_is_small_and_names_no_machine(recorded):
    files = [path for path in example.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    assert recorded.cores >= 1 and recorded.torch and recorded.created[:4].isdigit()
    texts = [path.read_text(encoding="utf-8") for path in files]
    assert not [text for text in texts if ABSOLUTE_PATH.search(text)]
    machines = {machine for text in texts for machine in re.findall(r'"machine": ?"([^"]*)"', text)}
    assert machines and all(re.fullmatch(r"cpu, float32, \d+ threads?", machine) for machine in machines)


def test_its_models_have_every_kind_of_run_and_open_with_their_scores(recorded):
    assert [item.identity.name for item in recorded.models] == list(REAL_MODELS)
    headers = {header.key: header for header in RunIndex(Store(example.FOLDER)).headers()}
    for item in recorded.models:
        opened = [headers[key] for key in item.runs]
        assert opened[0].kind.name == "gradients" and {header.kind.subject for header in opened} == SUBJECTS
        assert all(header.complete for header in opened if not header.shared)
        trials = [header for header in opened if header.kind.subject == "trial"]
        assert len({tuple(header.provenance.settings["layers"]) for header in trials}) == 2
        of_it = [
            header for header in headers.values() if header.provenance and header.provenance.model == item.identity.name
        ]
        measured = {header.kind.name for header in of_it}
        assert {"gradients", "trace-mlp", "forecast"} <= measured


def test_a_folder_with_other_things_is_refused_before_anything_is_measured(tmp_path):
    def load_nothing(name):
        raise AssertionError("a model was loaded")

    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    file = tmp_path / "mine.txt"
    file.write_text("mine")
    for place in (tmp_path, file):
        with pytest.raises(LgaError, match="would be lost"):
            example_writing.write_example(place, load_nothing)
    assert file.read_text() == "mine"
    example_writing.check_place(example.FOLDER)
    example_writing.check_place(tmp_path / "new")


@pytest.mark.real_model
@pytest.mark.parametrize("name", REAL_MODELS)
def test_its_scores_come_out_the_same_here(recorded, name):
    """LGA of its first facts, with the model as this machine has it: threads and hardware may be others."""
    (key,) = (item.runs[0] for item in recorded.models if item.identity.name == name)
    run = Store(example.FOLDER).find(key)
    stored = dict(list(run.rows(FactRow).items())[:RECOMPUTED])
    facts = [fact for fact in facts_of_run(run, stored) if fact.fingerprint in stored]
    model = load_real(name)
    settings = GradientSettings(loss=run.provenance.settings["loss"], old=run.provenance.settings["old"])
    checks = list(check_known_facts(model, facts))
    again = in_order(MEASUREMENTS["gradients"].rows(model, facts, checks, settings), facts)
    by_name = {fact.fingerprint: row for fact, row in zip(facts, again, strict=True)}
    found = compared(run.provenance, stored, by_name, model.identity.machine)
    assert len(stored) == RECOMPUTED and found.largest_difference < 1e-3 and not found.differing_texts, found.where
