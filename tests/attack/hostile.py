"""Hostile input: words, names, documents and files that try to break, to escape or to be run."""

import json
import random
import struct
from pathlib import Path
from typing import Any

WORDS = (
    "",
    " ",
    "\0",
    "\ud800",
    "\u202eevil\u2066",
    "e\u0301" * 50,
    "👩‍🚀",
    "x" * 1_000_000,
    "<script>window.hit=1</script>",
    '<img src=x onerror="window.hit=1">',
    "<a href='javascript:window.hit=1'>x</a>",
    "[x](javascript:window.hit=1)",
    "![x](http://evil.example/x.png)",
    ":material/delete: :red[x] :smile:",
    "$\\href{javascript:x}{y}$",
    "`**_~~|#>-\n# head",
    "{{7*7}} ${7*7} %s %n {0.__class__}",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r\n=1",
    "＝1",
    '  =HYPERLINK("http://evil.example")',
    "'; DROP TABLE runs; --",
    "$(touch hit) `touch hit` ; touch hit",
    "__import__('os').system('touch hit')",
    "9" * 5_000,
    "1e999",
    "NaN",
)
NAMES = (
    "..",
    "../..",
    "../outside",
    "../../etc/passwd",
    "/etc/passwd",
    "/dev/zero",
    "/proc/self/mem",
    "~",
    "~nobodyatall/x",
    "~root",
    "C:\\windows\\x",
    "\\\\host\\share",
    "file:///etc/passwd",
    "hub:../../x",
    "hub:a/b/../../../etc/passwd",
    "a/b",
    "owner/..",
    "-rf",
    "--help",
    "CON",
    "a\nb",
    "%2e%2e%2f",
    "x" * 300,
    "x/" * 3_000,
    "link",
    "loop",
)


def word(chance: random.Random) -> str:
    """One of the above, two joined, or letters of any plane."""
    kind = chance.random()
    if kind < 0.6:
        return chance.choice(WORDS)
    if kind < 0.75:
        return chance.choice(WORDS)[:200] + chance.choice(NAMES)
    return "".join(chr(chance.choice((chance.randrange(128), chance.randrange(0x10FFFF)))) for _ in range(20))


def name(chance: random.Random) -> str:
    return chance.choice(NAMES) if chance.random() < 0.6 else word(chance)


def value(chance: random.Random, depth: int = 3) -> Any:
    """A JSON value of any kind and shape."""
    kind = chance.randrange(9 if depth else 6)
    if kind < 3:
        return word(chance)[:2_000]
    if kind < 6:
        return chance.choice((None, True, 0, -1, 10**30, 1.5, float("nan"), float("inf"), 2**63))
    if kind == 6:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {name(chance)[:200]: value(chance, depth - 1) for _ in range(chance.randrange(4))}


def document(good: Any, chance: random.Random) -> bytes:
    """A JSON document with one to three places of another kind, or bytes that are none, or one that is a bomb."""
    kind = chance.random()
    if kind < 0.08:
        return chance.choice(
            (b"", b"null", b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b"9" * 10_000, b"{", b"[]")
        )
    content = json.loads(json.dumps(good))
    for _ in range(chance.randint(1, 3)):
        container, key = content, chance.choice([*content] or [""])
        while isinstance(container.get(key), dict) and container[key] and chance.random() < 0.6:
            container = container[key]
            key = chance.choice([*container])
        container[key] = value(chance)
    data = bytearray(json.dumps(content).encode())
    if kind > 0.9:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(data)


def safetensors(chance: random.Random) -> bytes:
    """A file whose header says what is not so: its length, offsets, shapes, dtypes, or names."""
    header: Any = {"weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}
    entry = header["weight"]
    lie = chance.randrange(8)
    if lie == 0:
        entry["shape"] = chance.choice(([10**9, 10**9], [2**63], [-1, 2], [], ["2", 2], [1] * 100_000, None))
    elif lie == 1:
        entry["data_offsets"] = chance.choice(([0, 2**63], [16, 0], [-16, 0], [0], [8, 24], None))
    elif lie == 2:
        entry["dtype"] = chance.choice(("F64", "nothing", "", 7, None))
    elif lie == 3:
        header[word(chance)[:500]] = value(chance)
    elif lie == 4:
        header["__metadata__"] = value(chance)
    elif lie == 5:
        header |= {f"t{n}": entry for n in range(1_000)}  # all on the same bytes
    text = json.dumps(header).encode()
    length = chance.choice((2**63, 2**40, 0, len(text) + 5, len(text) - 5)) if lie == 6 else len(text)
    data = struct.pack("<Q", length) + text + bytes(16)
    return data[: chance.randrange(len(data))] if lie == 7 else data


def trap(folder: Path) -> Path:
    """A folder with links that lead out of it; what lies outside must stay as it is and unread."""
    inside, outside = folder / "inside", folder / "outside"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.json").write_text('[{"prompt": "The secret is", "subject": "secret", "target_new": "out"}]')
    (inside / "link").symlink_to(outside)
    (inside / "loop").symlink_to(inside / "loop")
    return inside
