"""Trial edits beside one another: one row each, with the columns in which they are not all the same."""

from collections.abc import Sequence

from lga_core.data.facts import fact_label
from lga_core.editing.table import editor_title
from lga_core.results import METRICS, EditReport
from lga_core.service.page_parts.settings_form import own_changes
from lga_core.service.requests import TrialRequest
from lga_core.view.words.edits.sentences import before_after, relative_error
from lga_core.view.words.protocol import protocol_words
from lga_core.view.words.sentences import duration


def trial_rows(trials: Sequence[tuple[TrialRequest, EditReport]], recorded: Sequence[bool]) -> list[dict[str, object]]:
    """One row a trial, the last one first. `recorded`: which of them come with the code."""
    settings = own_changes([request.settings for request, _report in trials])
    answers_differ = len({report.answers for _request, report in trials}) > 1
    rows: list[dict[str, object]] = [
        {
            **({"recorded": "yes" if from_example else ""} if any(recorded) else {}),
            "model": request.model,
            "fact": fact_label(request.fact),
            "editor": editor_title(report.editor),
            "layers": ", ".join(map(str, report.layers)),
            **({"settings": changed} if any(settings) else {}),
            **({"answer that counts": report.answers} if answers_differ else {}),
            **{name: before_after(report.before[name], report.after[name], "teacher_forced") for name in METRICS},
            "target error": relative_error(report.target_error),
            "time": duration(report.cost.seconds),
        }
        for (request, report), from_example, changed in zip(trials, recorded, settings, strict=True)
    ]
    return rows[::-1]


def trials_protocol(reports: Sequence[EditReport]) -> str:
    """How the percents of all rows are measured; which answer counts has a column of its own where it is not one."""
    answers = {report.answers for report in reports}
    return "teacher-forced" if len(answers) > 1 else protocol_words(*answers)
