"""What a person sees on a dashboard: opened in Chromium, panel by panel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import BrowserContext

Json = dict[str, Any]
NEVER_EMPTY = ("No data", "Data is missing", "Data outside time range", "Unable to", "Panel plugin not found")
"""What Grafana itself says where there is nothing to draw."""
EMPTY_IS_NORMAL = "Nothing to show is normal:"
STACKED_BELOW = 769
"""Narrower than this, in pixels, Grafana puts panels one below the other."""
TALLEST = 16_000
DRAWN_WITHOUT_TEXT = {"timeseries", "heatmap", "state-timeline"}

_READ = """() => {
  const panels = document.querySelectorAll('[data-panelid], [data-viz-panel-key]');
  return [...panels].map(e => ({
    id: (e.getAttribute('data-panelid') || e.getAttribute('data-viz-panel-key')).replace(/\\D/g, ''),
    text: e.innerText || '',
    drawings: e.querySelectorAll('canvas, svg.panel, .u-over').length,
    loading: !!e.querySelector('[aria-label="Panel loading bar"]'),
    broken: !!e.querySelector(
      '[aria-label="Panel status"], [data-testid*="Panel status error"], .panel-info-corner--error'
    ),
  }));
}"""


_GO = """path => {
  history.pushState({}, '', path);
  dispatchEvent(new PopStateEvent('popstate', {state: {}}));
}"""


@dataclass(frozen=True, slots=True)
class Look:
    """How a person looks. start: from when to now. width: of the window in pixels; a telephone has 390."""

    start: str
    theme: str
    width: int

    def __str__(self) -> str:
        return f"{self.start}, {self.theme}, {self.width} px"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one dashboard. failures: requests that failed, errors of the page's scripts."""

    panels: dict[str, Json]
    failures: list[str]
    wider: bool


class Window:
    """A browser window in which a person goes from page to page, as links do: without loading Grafana anew."""

    def __init__(self, context: BrowserContext, base: str, look: Look) -> None:
        self._look = look
        self._base = base
        self._failures: list[str] = []
        self._page = context.new_page()
        self._page.on("response", lambda r: self._failed(f"{r.status} {r.url}") if r.status >= 400 else None)
        self._page.on("pageerror", lambda error: self._failed(f"script: {error}"))

    def look_at(self, dashboard: Json, timeout: float = 60) -> Seen:
        """Go there and wait until every panel shows something, at most `timeout` seconds."""
        self._failures.clear()
        self._page.set_viewport_size({"width": self._look.width, "height": height(dashboard, self._look)})
        # Windows that wait for their turn must not ask again every ten seconds.
        path = f"/d/{dashboard['uid']}?kiosk&from={self._look.start}&to=now&theme={self._look.theme}&refresh=1d"
        if self._page.url.startswith(self._base):
            self._page.evaluate(_GO, path)
        else:
            self._page.goto(self._base + path, wait_until="commit")
        deadline = time.monotonic() + timeout
        while True:
            found = {panel["id"]: panel for panel in self._page.evaluate(_READ)}
            waiting = [p for p in wanted(dashboard) if not _at_rest(found.get(str(p["id"])), p)]
            if not waiting or time.monotonic() > deadline:
                break
            self._page.wait_for_timeout(100)
        wider = bool(self._page.evaluate("document.documentElement.scrollWidth > window.innerWidth + 1"))
        return Seen(found, list(self._failures), wider)

    def _failed(self, what: str) -> None:
        self._failures.append(what)


def height(dashboard: Json, look: Look) -> int:
    """Pixels for the whole page: a panel is drawn only when it can be seen."""
    places = [panel["gridPos"] for panel in dashboard["panels"]]
    stacked = look.width < STACKED_BELOW
    rows: int = sum(at["h"] for at in places) if stacked else max(at["y"] + at["h"] for at in places)
    return min(400 + 40 * rows, TALLEST)


def wanted(dashboard: Json) -> list[Json]:
    """The panels that must be seen: all but the headings."""
    return [p for p in dashboard["panels"] if p["type"] != "row"]


def problems(dashboard: Json, result: Seen) -> Iterator[str]:
    """What is wrong with what was seen."""
    yield from result.failures
    if result.wider:
        yield "the page is wider than the window"
    for panel in wanted(dashboard):
        found = result.panels.get(str(panel["id"]))
        if found is None or panel["title"] not in found["text"]:
            yield f"{panel['title']}: not there"
        elif found["broken"]:
            yield f"{panel['title']}: an error corner"
        elif found["loading"]:
            yield f"{panel['title']}: still loading"
        elif said := nothing_said(found["text"], panel):
            yield f"{panel['title']}: {said!r}"
        elif not drawn(found, panel):
            yield f"{panel['title']}: nothing is drawn"


def nothing_said(text: str, panel: Json) -> str:
    """The words that stand for nothing, unless nothing is normal; empty if there are none."""
    own = panel["fieldConfig"]["defaults"].get("noValue", "")
    for words in (*NEVER_EMPTY, own if len(own) > 4 else ""):
        if words and words in text and EMPTY_IS_NORMAL not in panel.get("description", ""):
            return str(words)
    return next((words for words in NEVER_EMPTY if words in text and words != "No data"), "")


def drawn(found: Json, panel: Json) -> bool:
    """Whether there is more than the title."""
    own = panel["fieldConfig"]["defaults"].get("noValue", "")
    said = found["text"].replace(panel["title"], "").strip()
    if panel["type"] in DRAWN_WITHOUT_TEXT:
        return bool(found["drawings"]) or (bool(own) and own in said)
    return bool(said)


def _at_rest(found: Json | None, panel: Json) -> bool:
    # Panels of the page before have the same numbers, but other titles.
    if found is None or found["loading"] or panel["title"] not in found["text"]:
        return False
    return found["broken"] or bool(nothing_said(found["text"], panel)) or drawn(found, panel)
