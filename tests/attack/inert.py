"""What must hold of every label and every cell of a table, whatever text it is made of."""

import csv
import html
import io

from lga_core.view.export.frames.table import table, to_csv
from lga_core.view.words.text import escape, shorten, token_label, wrap
from pages._ui.shell.text import safe

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def labels_are_inert(text: str) -> None:
    text = text[:20_000]
    for shown in (escape(text), wrap(text).replace("<br>", ""), token_label(text), escape(shorten(text))):
        assert not set(shown) & set("<>$"), shown
    markdown = safe(text[:5_000])
    assert "\n" not in markdown
    bare = markdown
    for letter in "\\`*_{}[]()#+-.!|<>~$&:@":
        bare = bare.replace(f"\\{letter}", "")
    assert not set(bare) & set("\\`*_[]()#<>$|~&:@!"), bare
    html.unescape(escape(text)).encode("utf-8", "surrogatepass")


def cells_are_inert(cells: list[str | None]) -> None:
    for row in csv.reader(io.StringIO(to_csv(table({"cell": "str"}, [[cell] for cell in cells])), newline="")):
        for cell in row:
            assert not cell.lstrip().startswith(FORMULA), cell
