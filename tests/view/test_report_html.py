"""A report holds all that is measured and says what is not; what users wrote stays text; nothing is fetched."""

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest
from view.made import TOKENS, causal_trace, labels
from view.made_report import FACTS, empty, stored, whole

from lga_core.results import LedgerReport, ReportedLedger, ReportedTrace
from lga_core.view.export.report_html import report_html
from lga_core.view.figures.parts.style import THEMES

FIGURES = 10  # heatmaps, firmness, trace, attributions, loss, every layer, sweep, regret, best layers, many edits
HOSTILE = "</script></title><script>alert(1)</script><img src=x onerror=alert(1)><a href='javascript:alert(1)'>x</a>"


@pytest.fixture(scope="module")
def written() -> str:
    return report_html(whole())


def figures(page: str) -> list[dict]:
    return [json.loads(text) for text in re.findall(r'<script type="application/json">(.*?)</script>', page)]


def without_scripts(page: str) -> str:
    return re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def test_every_figure_is_there_in_both_themes_with_its_sentence_and_its_run(written: str):
    drawn = figures(written)
    assert len(drawn) == FIGURES == written.count("<figcaption>")
    assert all(set(item) == set(THEMES) for item in drawn)
    for item in drawn:
        for name, look in THEMES.items():
            assert item[name]["layout"]["paper_bgcolor"] == look.page
    blocks = re.findall(r"<figure>.*?</figure>", written, flags=re.DOTALL)
    assert all("Think again if" in block and "<summary>Run " in block for block in blocks)


def test_provenance_versions_licences_and_citation_are_written_in_full(written: str):
    for part in ("seed 7", "value steps 25", "torch 2.13.0", "2026-11-28T06:09:45", "MIT", "cff-version", "2602.20207"):
        assert part in written, part
    assert stored("gradients").provenance.key in written and stored("many-r-rome").provenance.key in written
    assert "Collapse begins between 25 and 50 edits" in written
    assert "teacher-forced token accuracy" in written


def test_what_is_not_measured_has_a_line_that_says_so(written: str):
    page = report_html(empty())
    assert figures(page) == []
    assert page.count("Not measured.") == 8  # all but the question and the last part
    assert "Kept edits</h2><p" in written and written.count("Not measured.") == 2  # no answer, no ledger
    assert "Forecast: not measured." in written


def test_nothing_is_fetched_and_only_the_two_known_scripts_may_run(written: str):
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=", without_scripts(written))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', written).group(1)
    scripts = re.findall(r"<script>(.*?)</script>", written, flags=re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert len(hashes) == 2 and all(f"'sha256-{each}'" in policy for each in hashes)
    assert policy.startswith("default-src 'none'") and "http" not in policy
    assert written.count("plotly.js v") == 1


def test_marks_that_turn_the_direction_of_reading_are_dropped():
    assert "\u202e" not in report_html(replace(whole(), citation="a\u202eb\u2066c", title="\u202ex"))


def test_hostile_text_stays_text():
    given = whole()
    tokens = (*TOKENS[:-1], HOSTILE)
    ledger = ReportedLedger(
        entries=({"#": 1, "facts": HOSTILE},),
        report=None,
        changes=((HOSTILE, LedgerReport(facts=(), writes=(), before={}, now={})),),
    )
    trial = given.trials[0]
    probes = tuple(replace(probe, text_after=HOSTILE, prompt=HOSTILE) for probe in trial.report.probes)
    page = report_html(
        replace(
            given,
            title=HOSTILE,
            asked={HOSTILE: HOSTILE},
            labels=labels(FACTS) | {0: HOSTILE},
            facts=({"record": 0, HOSTILE: HOSTILE},),
            licences={HOSTILE: HOSTILE},
            citation=HOSTILE,
            traces=(
                ReportedTrace(
                    fact=HOSTILE,
                    traces=((causal_trace(8, tokens=tokens), stored("token-trace-mlp", HOSTILE)),),
                    attribution=None,
                ),
            ),
            trials=(replace(trial, report=replace(trial.report, prompt=HOSTILE, probes=probes)),),
            ledger=ledger,
        )
    )
    assert page.count("<script") == 2 + len(figures(page))
    assert not re.search(r"<(img|a href=')", without_scripts(page)) and "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert all(set(item) == set(THEMES) for item in figures(page))
