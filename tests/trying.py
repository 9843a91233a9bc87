"""A trial edit as tests ask for it: all of its stages at once."""

from typing import Any

from lga_core.evaluation.experiments.trial import trial_stages
from lga_core.results import EditReport


def trial_edit(*asked: Any, **options: Any) -> EditReport:
    """The whole report; arguments as of `trial_stages`."""
    *_, whole = trial_stages(*asked, **options)
    return whole.report
