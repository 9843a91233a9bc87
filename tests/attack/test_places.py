"""Names lead nowhere else: those of downloads, and those of models outside of the allowed folders."""

import os

import pytest
from attack.edit_doors import MODEL

from lga_core.editing.files.reading import read_edit_set
from lga_core.errors import LgaError
from lga_core.models.sources.catalogue import resolve
from lga_core.models.text.sources import content_key
from pages._ui.facts.sets import file_name


def test_download_names_stay_names():
    for hostile in ("../../x", "/etc/passwd", "a\0b", "x" * 500, "..", "a\r\nb", "C:\\x"):
        made = file_name(hostile, ".json")
        assert not set(made) & set("/\\\0\r\n") and made.strip(".")


@pytest.mark.parametrize("kind", ["folder", "link", "file in it is a link", "not there"])
def test_models_outside_of_the_allowed_folders_are_refused_with_one_message(kind, tmp_path, tiny_folder, monkeypatch):
    allowed = tmp_path / "allowed"
    (allowed / "model").mkdir(parents=True)
    for file in tiny_folder.iterdir():
        (allowed / "model" / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("LGA_MODEL_ROOTS", os.pathsep.join((str(tmp_path / "other"), str(allowed))))
    assert resolve(str(allowed / "model")).source == "path"
    named = {
        "folder": tiny_folder,
        "link": allowed / "link",
        "file in it is a link": allowed / "model",
        "not there": tiny_folder / "nothing",
    }[kind]
    (allowed / "link").symlink_to(tiny_folder)
    if kind == "file in it is a link":
        (allowed / "model" / "model.safetensors").unlink()
        (allowed / "model" / "model.safetensors").symlink_to(tiny_folder / "model.safetensors")
    for read in (resolve, lambda place: read_edit_set(place, MODEL), lambda place: content_key(f"file:{place}")):
        with pytest.raises(LgaError, match="outside of the folders that LGA_MODEL_ROOTS allows"):
            read(str(named))
    monkeypatch.delenv("LGA_MODEL_ROOTS")
    assert kind == "not there" or resolve(str(named)).source == "path"
