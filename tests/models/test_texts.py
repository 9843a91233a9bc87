"""The texts of second moments: the model's own, files, folders and data sets, and what is refused, with a hint."""

import hashlib
import json
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from conftest import tiny_model
from data import fake_hub
from data.fake_hub import COMMIT, FakeHub
from reporting import Collect, cancel_at

from lga_core.errors import LgaError
from lga_core.models.moments.files import checkpoint_path, moment_path
from lga_core.models.moments.second_moment import second_moment
from lga_core.models.sources.derived import derived_path
from lga_core.models.text import own_text, texts
from lga_core.models.text.own_text import corpus, corpus_path, prefixes, prefixes_path
from lga_core.models.text.sources import content_key, source_problem
from lga_core.models.text.texts import documents, text_named
from lga_core.progress import Cancelled

TEXT = "".join(f"{i} The Space Needle is in downtown Seattle; naïve 東京 😀.\n" for i in range(300))


@pytest.fixture(autouse=True)
def library_cache(tmp_path, monkeypatch):
    """The `datasets` library's own cache, for this test alone."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def rows_of(source, model, tokens):
    return list(text_named(source, 0).rows(model, tokens))


def test_own_text_is_seeded_and_does_not_depend_on_how_much_is_asked_for():
    model = tiny_model("llama", torch.float32)
    short = corpus(model, 50, 1)
    long = corpus(model, 5000, 1)
    assert long[: len(short)] == short
    assert corpus(model, 50, 2) != short


def test_what_a_model_writes_and_its_moments_are_kept_for_each_dtype():
    """One fingerprint stands for the weights in every dtype: the oracle is a model with a fingerprint of its own."""
    alone = tiny_model("gpt2", torch.float32)
    text = text_named("own-text", 0)
    kept = prefixes_path(alone, 2, 0), corpus_path(alone, 50, 0), moment_path(alone, 1, text, 4)
    assert not any("float" in path.name for path in kept)  # as before dtypes were told apart
    expected = prefixes(alone, 4, 0), corpus(alone, 500, 0), second_moment(alone, 1)
    low = replace(tiny_model("gpt2", torch.bfloat16), fingerprint="one")
    single = replace(alone, fingerprint="one")
    lower = prefixes(low, 4, 0), corpus(low, 500, 0), second_moment(low, 1)
    assert (prefixes(single, 4, 0), corpus(single, 500, 0)) == expected[:2]
    assert torch.equal(second_moment(single, 1), expected[2]) and not torch.equal(lower[2], expected[2])
    assert checkpoint_path(low, text, 50) != checkpoint_path(single, text, 50)


def test_a_stopped_corpus_goes_on_with_what_it_had(tmp_path, monkeypatch):
    monkeypatch.setattr(own_text, "CORPUS_BATCH", 2)
    monkeypatch.setattr(own_text, "CORPUS_TOKENS", 8)
    model = tiny_model("gpt2", torch.float32)
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "alone"))
    whole = Collect()
    alone = corpus(model, 56, 0, report=whole)
    monkeypatch.setenv("LGA_HOME", str(tmp_path / "stopped"))
    with pytest.raises(Cancelled):
        corpus(model, 56, 0, report=cancel_at(2 * 8 + 3))  # two batches, and some of the third
    rest = Collect()
    assert corpus(model, 56, 0, report=rest) == alone
    assert len(rest.steps) == len(whole.steps) - 2 * 8
    assert not list(derived_path(model, "x").parent.glob("*part*"))


def test_prefixes_are_seeded_texts_that_are_kept():
    model = tiny_model("gpt2", torch.float32)
    first = prefixes(model, 4, 0)
    assert len(set(first)) == 4
    assert prefixes(model, 4, 0) == first
    assert prefixes(model, 4, 1) != first
    assert prefixes(model, 0, 0) == ()


@pytest.mark.parametrize("piece", [7, 64, 10**6])
def test_a_plain_text_is_read_whole_and_in_order(tmp_path, piece, monkeypatch):
    """Pieces end where a word does, never inside a character; without BOS the rows are the text again."""
    monkeypatch.setattr(texts, "PIECE_BYTES", piece)
    path = tmp_path / "plain.txt"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.encode())
    model = tiny_model("gpt2")
    rows = rows_of(f"file:{path}", model, 10**9)
    assert model.tokenizer.decode([token for row in rows for token in row.ids]) == TEXT
    assert max(map(len, rows)) <= texts.ROW_TOKENS


def test_reading_ends_with_the_row_that_has_enough(tmp_path):
    path = tmp_path / "plain.txt"
    path.write_text(TEXT)
    rows = rows_of(f"file:{path}", tiny_model("llama"), 1000)
    assert 1000 <= sum(map(len, rows)) < 1000 + texts.ROW_TOKENS


def test_rows_begin_as_the_tokenizer_begins(tmp_path):
    path = tmp_path / "plain.txt"
    path.write_text(TEXT)
    assert {row.ids[0] for row in rows_of(f"file:{path}", tiny_model("gemma3"), 1000)} == {1}
    assert 1 not in {row.ids[0] for row in rows_of(f"file:{path}", tiny_model("llama"), 1000)}


def test_json_lines_and_data_sets_are_read_alike(tmp_path):
    """The same documents as JSON Lines, as a folder of the `datasets` library, and as one that it saved."""
    import datasets

    pieces = [{"text": TEXT[start : start + 500], "id": start} for start in range(0, 5000, 500)]
    (tmp_path / "folder").mkdir()
    lines = tmp_path / "folder" / "train.jsonl"
    lines.write_text("\n".join(map(json.dumps, pieces)) + "\n\n")
    datasets.Dataset.from_list(pieces).save_to_disk(tmp_path / "saved")
    model = tiny_model("gemma3")
    expected = rows_of(f"file:{lines}", model, 10**9)
    assert len(expected) >= len(pieces)
    for folder in ("folder", "saved"):
        assert rows_of(f"file:{tmp_path / folder}", model, 10**9) == expected
    moment = second_moment(model, 0, source=f"file:{tmp_path / 'folder'}")
    torch.testing.assert_close(moment, second_moment(model, 0, source=f"file:{lines}"), rtol=0, atol=0)


def test_the_same_bytes_read_in_another_way_are_another_text(tmp_path):
    content = json.dumps({"text": "The Space Needle is in downtown Seattle."}).encode()
    plain, lines = tmp_path / "text.txt", tmp_path / "text.JSONL"
    for path in (plain, lines):
        path.write_bytes(content)
    keys = content_key(f"file:{plain}"), content_key(f"file:{lines}")
    assert keys[0] == hashlib.sha256(content).hexdigest()[:16]  # as before JSON Lines were told apart
    assert keys[0] != keys[1] and len(keys[1]) == 16


def test_a_text_that_changes_while_it_is_read_is_refused(tmp_path, tiny):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    rows = text_named(f"file:{path}", 0).rows(tiny, 200)
    next(rows)
    path.write_text(TEXT + "another end")
    with pytest.raises(LgaError, match="has changed while it was read"):
        list(rows)


def test_a_long_text_is_never_held_whole(tmp_path):
    """Of a text of 30 MB in one line only what was asked for is read."""
    path = tmp_path / "long.txt"
    with path.open("w") as file:
        for _ in range(300):
            file.write("word " * 20_000)
    opened = documents(f"file:{path}")
    assert len(next(opened)) <= texts.PIECE_BYTES
    opened.close()
    assert len(rows_of(f"file:{path}", tiny_model("llama"), 2000)) < 40


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("absent.txt", None, "cannot be read: no such file"),
        ("latin.txt", ("é" * 10).encode("latin-1") * 100, "not UTF-8"),
        ("binary.txt", b"words \0\0 and more", "null characters"),
        ("cut.txt", "words 東".encode()[:-1], "cut off"),
        ("broken.jsonl", b'{"text": "words"}\n{"text": ', "Line 2 of broken.jsonl is no JSON"),
        ("coded.jsonl", b'{"text": "w\xf6rds"}', "Line 1 of coded.jsonl is no JSON"),
        ("other.jsonl", b'{"body": "words"}', r"has no text under “text”: it has body"),
        ("list.jsonl", b'["words"]', "it is no object"),
        ("empty.txt", b"", "has 0 tokens; at least 320 are needed"),
        ("empty.jsonl", b"\n\n", "has 0 tokens; at least 320 are needed"),
        ("short.txt", b"Too short a text.", r"has \d+ tokens; at least 320 are needed"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_with_a_hint(tmp_path, name, content, cause):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    model = tiny_model("llama", torch.float32)
    with pytest.raises(LgaError, match=cause) as caught:
        second_moment(model, 0, source=f"file:{tmp_path / name}")
    assert caught.value.hint
    assert not list(derived_path(model, "x").parent.glob("moment-*"))


def test_a_data_set_without_texts_is_refused(tmp_path):
    (tmp_path / "facts").mkdir()
    (tmp_path / "facts" / "train.jsonl").write_text('{"prompt": "a"}\n')
    with pytest.raises(LgaError, match=r"Row 1 of .* has no text under “text”: it has prompt"):
        rows_of(f"file:{tmp_path / 'facts'}", tiny_model("llama"), 10)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("own-text", True),
        ("identity", True),
        ("file:a b.txt", True),
        ("hub:owner/name:en:train", True),
        ("wikipedia", False),
        ("", False),
        ("file:", False),
        ("hub: ", False),
        ("hub:squad", False),
        ("Own-Text", False),
    ],
)
def test_names_of_sources(name, allowed):
    problem = source_problem(name)
    assert (problem is None) == allowed
    if problem:
        assert all(way in problem for way in ("own-text", "identity", "file:PATH", "hub:owner/name", repr(name)))


def test_a_single_file_of_the_hub_is_refused():
    with pytest.raises(LgaError, match="cannot be read row by row"):
        list(documents("hub:a/b/c.jsonl"))
    assert content_key("own-text") is None and content_key("identity") is None


HUB_SCRIPT = """
import json, sys
from itertools import islice
from lga_core.errors import LgaError
from lga_core.models.text.sources import content_key
from lga_core.models.text.texts import documents
for name in sys.argv[1:]:
    try:
        print(json.dumps([content_key(name), list(islice(documents(name), 3))]))
    except LgaError as error:
        print(json.dumps(str(error)))
"""


def keys_and_documents(tmp_path, handler, *names):
    """What HUB_SCRIPT prints. The client is in a process of its own: it reads the hub's address once."""
    content = "\n".join(json.dumps({"text": f"document {i}"}) for i in range(100)).encode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, {"tiny/text": {"train.jsonl": content}}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "PATH": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", HUB_SCRIPT, *names],
        env=environment,
        text=True,
        capture_output=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    server.shutdown()
    server.server_close()
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_data_set_of_the_hub_is_streamed_and_known_by_its_commit(tmp_path):
    """The real client against a hub of our own."""
    whole, pinned, split, absent, nobody = keys_and_documents(
        tmp_path,
        FakeHub,
        "hub:tiny/text",
        f"hub:tiny/text@{COMMIT}",
        "hub:tiny/text::train",
        "hub:tiny/text::test",
        "hub:nobody/nothing",
    )
    assert pinned == whole
    assert whole[1] == split[1] == ["document 0", "document 1", "document 2"]
    assert len(whole[0]) == 16 and whole[0] != split[0]
    assert "has no split test" in absent and "no data set nobody/nothing" in nobody


def test_the_commit_that_a_text_is_known_by_is_the_one_that_is_streamed(tmp_path, monkeypatch):
    """The data set moves on as soon as its commit was told."""
    asked = []

    class Moving(FakeHub):
        def do_GET(self):
            asked.append(self.path)
            super().do_GET()
            monkeypatch.setattr(fake_hub, "COMMIT", "f" * 40)

    keys_and_documents(tmp_path, Moving, "hub:tiny/text")
    files = [path for path in asked if "/resolve/" in path]
    assert files and all(f"/resolve/{COMMIT}/" in path for path in files)
