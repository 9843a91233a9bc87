"""What the tests of the sweep share: layers, settings, and cells and values by their place."""

from editing.writing import EXACT

from lga_core.editing.search.value import find_cases
from lga_core.editing.settings import FineTuningSettings

FINE_TUNING = FineTuningSettings(steps=3)
LAYERS = (0, 2, 3)


def settings_of(editor):
    return EXACT.get(editor, FINE_TUNING)


def by_place(cells):
    return {(cell.record, cell.layer): cell for cell in cells}


def found_at(layer, model, search, settings):
    """The values of all facts of a search at one layer."""
    cases = [(layer, fact) for fact in range(len(search.keys[layer]))]
    return find_cases(model, search, cases, settings, mean_start=True)
