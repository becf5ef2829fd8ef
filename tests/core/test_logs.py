"""The program's own log: one line each, and never the words of a foreign exception."""

from __future__ import annotations

import json
import subprocess
import sys

SECRET = "canary-7f21"
SCRIPT = """
import logging, threading
from exporters.core import logs
logs.configure("info", {style!r})
def fail():
    raise ValueError("{secret} stands in the record")
thread = threading.Thread(target=fail, name="her/default/redis")
thread.start()
thread.join()
try:
    fail()
except ValueError:
    logging.getLogger("foreign").exception("a library failed")
"""


def told(style: str) -> list[str]:
    """What a program writes to standard error whose thread and whose library fail."""
    script = SCRIPT.format(style=style, secret=SECRET)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    return done.stderr.splitlines()


def test_a_thread_that_ends_tells_where_and_not_what() -> None:
    thread, library = told("logfmt")
    assert 'msg="thread her/default/redis ended: ValueError at <string>:6"' in thread
    assert "error=ValueError" in library
    assert SECRET not in thread + library


def test_json_has_the_same_fields() -> None:
    thread, library = (json.loads(line) for line in told("json"))
    assert thread["level"] == library["level"] == "error"
    assert library["error"] == "ValueError"
    assert SECRET not in json.dumps([thread, library])
