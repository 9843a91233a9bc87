"""A file of an adapter that unpacks to far more than it can be: refused, and never in memory."""

import tracemalloc

import pytest
from attack.adapter_doors import exported
from attack.adapters import BOMB, zipped

from lga_core.editing.files.containers import opened
from lga_core.editing.files.lora import WEIGHTS
from lga_core.editing.publishing.parcel import parcel
from lga_core.errors import LgaError
from lga_core.models.sources.checkpoint import ADAPTER_CONFIG


def as_it_is(archive):
    """The directory of the .zip tells the true size."""


def as_small(archive):
    """It tells a size that would be in order."""
    archive.filelist[-1].file_size = 1_000


@pytest.mark.parametrize("part", [ADAPTER_CONFIG, WEIGHTS])
@pytest.mark.parametrize("told", [as_it_is, as_small])
def test_a_bomb_is_not_unpacked(part, told):
    others = {name: content for name, content in exported().items() if name != part}
    bomb = zipped({**others, part: BOMB}, told)
    tracemalloc.start()
    try:
        with pytest.raises(LgaError, match=r"larger than it can be|in the archive is damaged"), opened(bomb) as files:
            parcel(files, "me/edits")
        assert tracemalloc.get_traced_memory()[1] < len(BOMB) / 4
    finally:
        tracemalloc.stop()
