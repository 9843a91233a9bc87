"""`replay`: a stored run computed again; 0 where it is equal, 1 where it is not, 2 where it cannot be done."""

import json
import re
import shlex
import shutil


def test_a_run_is_replayed_by_the_start_of_its_key(here, tiny_folder, fact_file, home, tmp_path):
    fact_file = shutil.copy(fact_file, tmp_path / "my facts.json")
    typed = ("lga", "score", tiny_folder, fact_file, "--limit", 3, "--shuffle", 1, "--set", "loss=answer", "--json")
    scored = here(*typed[1:])
    key = scored.json[0]["run"]
    answer = here("replay", key[:8], "--json")
    assert answer.code == 0, answer.err
    assert (answer.json["run"], answer.json["equal"], answer.json["rows"]) == (key, True, 3)
    notes = json.loads((home / "runs" / f"{key}.notes").read_text())
    assert notes["origins"][0]["command"] == shlex.join(map(str, typed))

    path = home / "runs" / f"{key}.jsonl"
    without_checksums = re.sub(r', "crc": "[0-9a-f]+"', "", path.read_text())  # which a changed row would not fit
    path.write_text(without_checksums.replace('"old_answer":"', '"old_answer":"not '))
    changed = here("replay", key)
    assert changed.code == 1 and "Scores: LGA" in changed.out and "Not equal" in changed.out
    assert here("replay", "nix").code == 2


def test_runs_are_written_as_one_page(here, tiny_folder, fact_file, tmp_path):
    key = here("score", tiny_folder, fact_file, "--limit", 3, "--json").json[0]["run"]
    page = tmp_path / "report.html"
    answer = here("report", key[:8], "--out", page, "--json")
    assert answer.code == 0, answer.err
    assert answer.json == {"file": str(page), "runs": [key]}
    assert key in page.read_text(encoding="utf-8")
    assert here("report", "nix", "--out", page).code == 2
