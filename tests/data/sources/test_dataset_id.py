"""The names of data sets: on the hub, and as folders."""

from pathlib import Path

import pytest

from lga_core.data.load import load_facts
from lga_core.data.sources.dataset_id import DatasetId, parse_dataset_id
from lga_core.errors import LgaError


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("hub:a/b", DatasetId(name="hub:a/b", repo="a/b")),
        ("hub:a/b:en", DatasetId(name="hub:a/b:en", repo="a/b", config="en")),
        ("hub:a/b:en:test", DatasetId(name="hub:a/b:en:test", repo="a/b", config="en", split="test")),
        ("hub:a/b::test", DatasetId(name="hub:a/b::test", repo="a/b", split="test")),
        ("hub:a.c/b-d@v1:en", DatasetId(name="hub:a.c/b-d@v1:en", repo="a.c/b-d", revision="v1", config="en")),
        ("hub:a/b@v1/c/d.json", DatasetId(name="hub:a/b@v1/c/d.json", repo="a/b", revision="v1", file="c/d.json")),
        ("facts.json", None),
        ("world", None),
        ("no folder:a:b", None),
        ("", None),
        ("a\0b", None),
        ("/:en:test", DatasetId(name=":en:test", folder=Path("/"), config="en", split="test")),
    ],
)
def test_names(source: str, expected: DatasetId | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_dataset_id(source) == expected


@pytest.mark.parametrize("source", ["hub:", "hub:squad", "hub:a/b:c:d:e", "hub:a/b@", "hub:a b/c", "hub:a/b::"])
def test_a_hub_name_out_of_shape_is_told_the_shape(source: str) -> None:
    with pytest.raises(LgaError, match=r"hub:owner/name"):
        load_facts(source)
