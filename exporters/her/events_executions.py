"""`her:sandbox:executions` -> Execution.

{"timestamp":"2026-02-22T10:00:00.500100+00:00","command":"ping -c 4 example.org","success":false,"output":"",
 "error":"ping: unknown host","exit_code":2,"execution_time":0.41,"user":"sandbox","workdir":"/workspace"}
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from exporters.her import texts
from exporters.her.record import LONGEST, load, utf8_size

# HER runs a snippet as a file of this name: it is written, run and removed, three or four entries for one wish.
_SCRIPT = re.compile(r"script_\d{1,20}\.(?:py|sh)(?!\w)", re.ASCII)
_INT32 = 2**31


@dataclass(frozen=True, slots=True)
class Execution:
    """One sandbox command that ended at `at`. Sizes in bytes of UTF-8; the texts only where asked for."""

    at: datetime
    exit_code: int
    seconds: float
    of_a_script: bool
    output_bytes: int
    error_bytes: int
    command: str = field(default="", repr=False)
    output: str = field(default="", repr=False)
    error: str = field(default="", repr=False)


def parse_execution(raw: bytes, *, keep_text: bool = False) -> Execution:
    """One entry of the list; 5 MB of output are ordinary, and only their size is kept. Raises Rejected."""
    fields = load(raw)
    command, output, error = fields.need_text("command"), fields.text("output"), fields.text("error")
    fields.need_flag("success")  # says no more than the exit code does, but a record without it is none of HER's
    return Execution(
        at=fields.at(),
        exit_code=fields.need_integer("exit_code", -_INT32, _INT32 - 1),
        seconds=fields.need_number("execution_time", 0.0, LONGEST),
        of_a_script=_SCRIPT.search(command) is not None,
        output_bytes=utf8_size(output),
        error_bytes=utf8_size(error),
        command=texts.head(command, texts.COMMAND_CHARACTERS) if keep_text else "",
        output=texts.tail(output, texts.OUTPUT_CHARACTERS) if keep_text else "",
        error=texts.tail(error, texts.OUTPUT_CHARACTERS) if keep_text else "",
    )
