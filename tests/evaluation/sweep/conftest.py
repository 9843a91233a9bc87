"""Facts for the tests of the sweep."""

import pytest

from lga_core.data.load import load_facts


@pytest.fixture(scope="module")
def some():
    """Facts with every kind of probe, of several lengths."""
    return load_facts("world").facts[:5]
