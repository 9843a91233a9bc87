"""One HTML page that needs no network: its parts with every text escaped, live figures, plotly.js inside once.

A figure is there in each theme that it was drawn in. The browser's own setting decides which one is shown; on paper it
is the light one.
"""

import base64
import hashlib
import html
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import plotly.graph_objects as go
from plotly.io.json import to_json_plotly
from plotly.offline import get_plotlyjs

from lga_core.results import Stored
from lga_core.view.figures.parts.style import FONT, LEAST_WIDTH, THEMES, Theme, ThemeName, theme
from lga_core.view.words.cards import Card
from lga_core.view.words.runs import origin_rows
from lga_core.view.words.text import count, in_order, number

PRINT_WIDTH = 680  # px of a figure on paper: A4 between the margins
_PAPER = "@page { size: A4; margin: 14mm }"
_DRAW = """
const options = {responsive: true, displaylogo: false, toImageButtonOptions: {format: "svg", scale: 2}};
const night = matchMedia("(prefers-color-scheme: dark)");
function draw(paper) {
    for (const place of document.querySelectorAll(".plot")) {
        const themes = JSON.parse(place.nextElementSibling.textContent);
        const drawn = themes[night.matches && !paper ? "dark" : "light"] ?? Object.values(themes)[0];
        const layout = {...drawn.layout, autosize: !paper, width: paper || undefined};
        Plotly.react(place, drawn.data, layout, options);
    }
}
addEventListener("beforeprint", () => {
    for (const closed of document.querySelectorAll("details:not([open])")) closed.open = closed.dataset.printed = true;
    draw(PRINT_WIDTH);
});
addEventListener("afterprint", () => {
    for (const opened of document.querySelectorAll("details[data-printed]")) {
        opened.open = false;
        delete opened.dataset.printed;
    }
    draw();
});
night.addEventListener("change", () => draw());
draw();
""".replace("PRINT_WIDTH", str(PRINT_WIDTH))


def text(words: object) -> str:
    """Any words, as they are read: nothing in them is markup."""
    return html.escape(in_order(str(words)))


def heading(level: int, words: str, anchor: str = "") -> str:
    """A heading; `anchor` is what a link on the page leads to."""
    place = f' id="{text(anchor)}"' if anchor else ""
    return f"<h{level}{place}>{text(words)}</h{level}>"


def paragraph(*sentences: str | None, kind: str = "") -> str:
    """Sentences in a row; nothing where there are none. `kind`: "answer", "note" or "missing"."""
    words = " ".join(filter(None, sentences))
    return f'<p class="{kind}">{text(words)}</p>' if words else ""


def listing(items: Iterable[str]) -> str:
    """A bulleted list."""
    return f"<ul>{''.join(f'<li>{text(item)}</li>' for item in items)}</ul>"


def preformatted(words: str) -> str:
    """A text with its lines as they are."""
    return _frame(f"<pre>{text(words)}</pre>", "Text")


def table(rows: Iterable[Mapping[str, object]], about: str) -> str:
    """A table with the keys of the first row as its head; "n/a" for None. `about` names it for those who listen."""
    lines = list(rows)
    if not lines:
        return ""
    numbers = {name for name in lines[0] if all(_is_number(line[name]) or line[name] is None for line in lines)}
    head = "".join(f'<th scope="col"{_aligned(name in numbers)}>{text(name)}</th>' for name in lines[0])
    cells = (
        "".join(f"<td{_aligned(name in numbers)}>{text(_shown(value))}</td>" for name, value in line.items())
        for line in lines
    )
    body = "".join(f"<tr>{line}</tr>" for line in cells)
    return _frame(f'<table class="rows"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>', about)


def pairs(entries: Mapping[str, str], about: str) -> str:
    """A table of names and what they are."""
    body = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>' for name, value in entries.items()
    )
    return _frame(f'<table class="pairs"><tbody>{body}</tbody></table>', about)


def cards(row: Iterable[Card]) -> str:
    """Numbers side by side: what each is, its value, and what stands below it."""
    each = (
        f"<div><dt>{text(card.label)}</dt><dd><strong>{text(card.value)}</strong><br>{text(card.below)}</dd></div>"
        for card in row
    )
    return f'<dl class="cards">{"".join(each)}</dl>'


def origin(stored: Stored | None) -> str:
    """Which run the numbers above are from, and all that it records, behind a click; on paper in full."""
    if stored is None:
        return ""
    source = stored.provenance
    recorded = {name: value for name, value in origin_rows(stored).items() if name not in ("answered", "rows")}
    seed = f" · seed {source.settings['seed']}" if "seed" in source.settings else ""
    part = "" if stored.complete else " · in part"
    summary = f"Run {source.key[:12]} · {source.created[:10]} · {count(stored.rows, 'row')}{seed}{part}"
    settings = pairs(recorded | {"key": source.key}, "The run and its settings")
    return f"<details><summary>{text(summary)}</summary>{settings}</details>"


def figure(drawn: Mapping[ThemeName, go.Figure], about: str, *sentences: str | None, stored: str = "") -> str:
    """A live figure with what it says. `about` is for those who do not see it; `stored`: its `origin`."""
    # to_json_plotly escapes <, > and /, so that no text can end the script.
    themes = ", ".join(f'"{name}": {to_json_plotly(on_own_ground(item))}' for name, item in drawn.items())
    plot = f'<div class="plot"></div><script type="application/json">{{{themes}}}</script>'
    caption = text(" ".join(filter(None, sentences)))
    return f"<figure>{_frame(plot, about)}<figcaption>{caption}</figcaption>{stored}</figure>"


def on_own_ground(figure: go.Figure) -> go.Figure:
    """A copy that looks the same wherever it is shown: hosts that set a default template have no say in it."""
    copy = go.Figure(figure)
    look = theme((copy.layout.meta or {}).get("theme", "light"))
    copy.layout.template = {}
    copy.update_layout(paper_bgcolor=look.page, plot_bgcolor=look.page, autosize=True)
    copy.update_layout(font={"family": FONT, "color": look.ink})
    for trace in copy.data:
        if trace.type == "heatmap" and trace.colorscale is None:
            trace.colorscale = [[0, look.neutral], [1, look.ink]]
    return copy


def both(draw: Callable[..., go.Figure], *of: Any, **choices: Any) -> dict[ThemeName, go.Figure]:
    """A figure in both themes; `draw` takes one as `theme_name`, beside what else is given."""
    return {name: draw(*of, **choices, theme_name=name) for name in THEMES}


def page(title: str, body: str, themes: Iterable[ThemeName] = tuple(THEMES)) -> str:
    """The whole page. `themes`: those that its figures are drawn in, so that the ground fits them."""
    names = list(themes)
    scripts = [get_plotlyjs(), _DRAW]
    hashes = " ".join(map(_source, scripts))
    # No script but these two can run, and nothing can be fetched, whatever stands in the texts.
    policy = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:"
    first, *others = (_variables(theme(name)) for name in names)
    night = f"@media screen and (prefers-color-scheme: dark) {{ {others[0]} }}" if others else ""
    scheme = "light dark" if others else names[0]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="color-scheme" content="{scheme}">'
        f"<title>{text(title)}</title><style>{first} {night} {_STYLES}</style></head>\n"
        f"<body>{body}\n" + "\n".join(f"<script>{item}</script>" for item in scripts) + "</body></html>\n"
    )


def _source(script: str) -> str:
    """A script as a content security policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _frame(inside: str, about: str) -> str:
    """What may be wider than the page scrolls by itself, with the keyboard too."""
    return f'<div class="frame" tabindex="0" role="region" aria-label="{text(about)}">{inside}</div>'


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _aligned(numeric: bool) -> str:
    """Numbers stand at the right."""
    return ' class="number"' if numeric else ""


def _shown(value: object) -> str:
    """A cell's words."""
    return "n/a" if value is None else number(value, 3) if isinstance(value, float) else str(value)


def _variables(look: Theme) -> str:
    names = ("page", "ink", "muted", "line", "negative")
    return ":root {" + " ".join(f"--{name}: {getattr(look, name)};" for name in names) + "}"


_STYLES = f"""
{_PAPER}
* {{ box-sizing: border-box }}
body {{ margin: 0 auto; padding: 24px; max-width: 1180px; background: var(--page); color: var(--ink);
    font: 15px/1.5 {FONT} }}
h1 {{ font-size: 26px; line-height: 1.2; margin: 0 0 8px; overflow-wrap: anywhere }}
h2 {{ font-size: 20px; margin: 40px 0 8px; padding-top: 16px; border-top: 1px solid var(--line) }}
h3 {{ font-size: 16px; margin: 24px 0 8px; overflow-wrap: anywhere }}
p {{ margin: 8px 0; max-width: 78ch; overflow-wrap: anywhere }}
a {{ color: var(--negative) }}
nav ul {{ display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 0; list-style: none }}
.answer {{ font-size: 17px; font-weight: 600 }}
.note, .missing, figcaption, summary, .cards dt, .cards dd {{ color: var(--muted) }}
.note, figcaption, summary, details {{ font-size: 13px }}
.frame {{ overflow-x: auto; max-width: 100% }}
:focus-visible {{ outline: 2px solid var(--negative); outline-offset: 2px }}
.plot {{ min-width: {LEAST_WIDTH}px }}
figure {{ margin: 16px 0 24px }}
figcaption {{ margin-top: 4px; max-width: 90ch; overflow-wrap: anywhere }}
table {{ border-collapse: collapse; margin: 8px 0; font-size: 13.5px; min-width: 50% }}
.rows {{ width: max-content; max-width: max(1100px, 100%) }}
th, td {{ text-align: left; vertical-align: top; padding: 4px 14px 4px 0; border-bottom: 1px solid var(--line);
    max-width: 44ch; overflow-wrap: break-word }}
th {{ font-weight: 600; white-space: nowrap }}
th.number, td.number {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }}
.pairs td {{ max-width: 90ch; overflow-wrap: anywhere }}
.cards {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 8px }}
.cards div {{ border: 1px solid var(--line); border-radius: 4px; padding: 8px 12px }}
.cards dt, .cards dd {{ margin: 0; font-size: 13px }}
.cards strong {{ color: var(--ink); font-size: 20px; font-weight: 600 }}
summary {{ cursor: pointer; padding: 4px 0 }}
pre {{ overflow-x: auto; font-size: 12.5px; padding: 12px; border: 1px solid var(--line); white-space: pre-wrap }}
@media (max-width: 600px) {{ body {{ padding: 16px }} }}
@media print {{
    body {{ padding: 0; max-width: none; font-size: 11px }}
    .frame {{ overflow: visible }}
    nav {{ display: none }}
    h2, h3 {{ break-after: avoid }}
    figure, tr, .cards div {{ break-inside: avoid }}
    table, .rows {{ font-size: 9.5px; min-width: 0; width: 100%; max-width: 100% }}
    th, td {{ white-space: normal; overflow-wrap: anywhere; padding-right: 6px }}
    .modebar {{ display: none }}
}}
"""
