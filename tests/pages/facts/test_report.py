"""The report view: what became of every record, on the page and as CSV."""

import csv
import io
import json

from streamlit.testing.v1 import AppTest

from tests.pages.driving import RECORDS, record, words
from tests.pages.facts.driving import frame, open_page, tick, use

PROBLEMS = [
    RECORDS[0],
    {**record("Rome", "Italy"), "subject": "Paris"},  # skipped
    RECORDS[0],  # duplicate
    record("Oslo", "Norway", "Norway"),  # no-op
    {
        **record("Berlin", "piano"),
        "portability": {
            "Reasoning": [{"prompt": f"Berlin {number} is", "ground_truth": [["x"]]} for number in range(13)]
        },
    },  # of many probes, all of which are kept
    {**record("Madrid", "violin"), "relation": "=plays", "portability": {"Reasoning": [{"prompt": "Madrid"}]}},
]


def test_the_report_tells_every_record(app: AppTest):
    use(app, "problems.json", json.dumps(PROBLEMS).encode())
    open_page(app, "report")
    table = frame(app, "notes").set_index("record")
    assert table.loc[1, "outcome"] == "record skipped" and "does not stand in its prompt" in table.loc[1, "notes"]
    assert table["flags"].to_dict() == {1: "", 2: "duplicate", 3: "no-op", 5: ""}
    assert table.loc[5, "outcome"] == "probe dropped"
    shown = words(app)
    assert "6 records: 4 kept whole, 1 with a probe dropped, 1 skipped" in shown.replace("**", "")
    app.segmented_control(key="report_shown").set_value("all records").run()
    assert frame(app, "notes")["record"].tolist() == [0, 1, 2, 3, 4, 5]
    app.segmented_control(key="report_shown").set_value("skipped").run()
    assert frame(app, "notes")["record"].tolist() == [1]
    tick(app, "notes", 0)
    assert "Write it as it stands there" in words(app)


def test_the_reports_csv_has_a_line_for_every_record(app: AppTest, downloads):
    use(app, "problems.json", json.dumps(PROBLEMS).encode())
    open_page(app, "report")
    lines = list(csv.DictReader(io.StringIO(downloads["download_report"]())))
    assert [line["record"] for line in lines] == list("012345")
    assert [line["duplicate"] for line in lines] == ["false", "false", "true", "false", "false", "false"]
    assert lines[1]["outcome"] == "record skipped" and "does not stand" in lines[1]["notes"]
