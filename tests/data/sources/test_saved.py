"""Tables that `datasets` itself has saved."""

from pathlib import Path

import pytest

from lga_core.data.load import load_facts
from lga_core.data.sources import hub
from lga_core.data.sources.dataset_id import parse_dataset_id
from lga_core.errors import LgaError
from tests.data.sources.tables import RECORDS


def test_what_datasets_has_saved_is_read_again(tmp_path: Path) -> None:
    import datasets

    rows = datasets.Dataset.from_list([{key: RECORDS[1][key] for key in ("prompt", "subject", "target_new")}])
    rows.save_to_disk(tmp_path / "one")
    datasets.DatasetDict({"proxy": rows, "test": rows}).save_to_disk(tmp_path / "both")
    for source in (str(tmp_path / "one"), f"{tmp_path / 'both'}::proxy"):
        assert [fact.prompt for fact in load_facts(source).facts] == ["The capital of Spain is"]


@pytest.mark.parametrize(
    ("split", "tail", "words"),
    [
        ("train", "::train", None),
        (None, "::all", None),
        ("train", "::test", r"has no split test.*::train"),
        (None, "::test", r"has no split test.*::all"),
        ("train", ":en:train", r"a saved folder has no configuration en\. Leave it out: FOLDER::SPLIT"),
    ],
)
@pytest.mark.parametrize("read", [load_facts, lambda source: list(hub.stream_rows(parse_dataset_id(source)))])
def test_a_saved_table_is_of_its_own_split_alone(read, split, tail, words, tmp_path):
    import datasets

    row = {key: RECORDS[1][key] for key in ("prompt", "subject", "target_new")}
    datasets.Dataset.from_list([row], split=split).save_to_disk(tmp_path / "one")
    source = f"{tmp_path / 'one'}{tail}"
    if words is None:
        assert read(source)
    else:
        with pytest.raises(LgaError, match=words):
            read(source)
