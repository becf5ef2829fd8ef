"""The landing page: one self-contained HTML page, light and dark, that asks nobody else for anything."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape

from exporters.core.web_telemetry import SourceRow

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2128; --paper: #fff; --line: #d5dae1; --dim: #59636e;
  --good: #1a7f37; --bad: #cf222e; --link: #0550ae; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ee; --paper: #14171c; --line: #343b45; --dim: #9aa4b0;
  --good: #4ac26b; --bad: #ff7b72; --link: #79b8ff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 3rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
a { color: var(--link); }
.dim { color: var(--dim); }
nav a { display: inline-block; margin: .5rem 1.25rem .5rem 0; padding: .25rem 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); white-space: nowrap;
  vertical-align: top; }
td:last-child { white-space: normal; min-width: 12rem; }
th { color: var(--dim); font-weight: 500; }
.up { color: var(--good); } .down { color: var(--bad); font-weight: 600; }
"""

_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: its own style sheet, by hash, and nothing else."""

_STATES = {True: ("up", "up"), False: ("down", "down"), None: ("dim", "not read yet")}


def landing_page(
    rows: Sequence[SourceRow],
    reasons: Sequence[str],
    links: Sequence[tuple[str, str]],
    version: str,
    now: datetime,
) -> bytes:
    """The page as UTF-8 HTML.

    `reasons`: why the program is not ready, empty when it is. `links`: (absolute path on this server, what is there).
    """
    # Relative, so that they still work behind a reverse proxy that puts a prefix in front.
    anchors = "".join(f'<a href=".{escape(path)}">{escape(text)}</a>' for path, text in links)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>LLM Observatory</title>
<style>{_STYLE}</style>
</head>
<body>
<header><h1>LLM Observatory</h1><span class="dim">version {escape(version)}</span></header>
<nav>{anchors}</nav>
<main>
{_readiness(reasons)}
<h2>Sources</h2>
{_table(rows, now)}
</main>
</body>
</html>
""".encode()


def _readiness(reasons: Sequence[str]) -> str:
    if not reasons:
        return '<p class="up">Ready.</p>'
    lines = "".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    return f'<p class="down">Not ready:</p><ul>{lines}</ul>'


def _table(rows: Sequence[SourceRow], now: datetime) -> str:
    if not rows:
        return '<p class="dim">No source is configured.</p>'
    body = "".join(_row(row, now) for row in rows)
    return (
        '<div class="scroll" tabindex="0"><table><thead><tr><th>System</th><th>Deployment</th><th>Source</th>'
        f"<th>State</th><th>Last success</th><th>Note</th></tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row(row: SourceRow, now: datetime) -> str:
    look, state = _STATES[row.up]
    cells = "".join(f"<td>{escape(text)}</td>" for text in (row.system, row.deployment, row.source))
    return (
        f'<tr>{cells}<td class="{look}">{state}</td><td>{_when(row.last_success, now)}</td>'
        f"<td>{escape(row.note)}</td></tr>"
    )


def _when(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return '<span class="dim">never</span>'
    exact = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f'<time datetime="{moment.isoformat()}" title="{exact}">{_ago(now - moment)}</time>'


def _ago(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
