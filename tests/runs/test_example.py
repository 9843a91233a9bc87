"""The recorded example that comes with the code: small, whole, of both default models, no names of machines."""

import platform

import pytest
from conftest import REAL_MODELS

from lga_core.models.loading import load
from lga_core.runs import example
from lga_core.runs.index import RunIndex
from lga_core.runs.replay import replay
from lga_core.runs.store import Store

MOST_BYTES = 2_000_000
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
    host = platform.node()
    assert not any(len(host) > 3 and host in path.read_text(encoding="utf-8") for path in files)


def test_its_models_have_every_kind_of_run_and_open_with_their_scores(recorded):
    names = [item.identity.name for item in recorded.models]
    assert names[0] == REAL_MODELS[0] and set(names) <= set(REAL_MODELS)
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


@pytest.mark.real_model
@pytest.mark.parametrize("name", REAL_MODELS)
def test_its_scores_come_out_the_same_here(recorded, name):
    scores = next((item.runs[0] for item in recorded.models if item.identity.name == name), None)
    if scores is None:
        pytest.skip("not recorded")
    again = replay(load(name, accept_terms=True), Store(example.FOLDER).find(scores))
    assert again.rows and again.equal, f"{again.where}: {again.largest_difference}"
