"""HER's exposition and lines, byte for byte: whoever changes what operators see finds it in the diff.

After a change that is meant, write the golden files anew and read the difference before committing it:

    OBSERVATORY_GOLDEN=write python -m pytest tests/her/test_golden.py && git diff tests/her/golden
"""

from __future__ import annotations

import difflib
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from exporters.her.metrics import CONTEXT_LAST_ACTIVITY, DEBUGGER_LAST_FRAME
from exporters.her.sql_metrics import LOCK_TIME
from exporters.her.system import HER
from tests.contract.observer import Observed, observed
from tests.her.golden import life

GOLDEN = Path(__file__).parent / "golden"
WRITING = os.environ.get("OBSERVATORY_GOLDEN") == "write"
MOST_SHOWN = 60
_FROM_TTL = re.compile(rf"^({CONTEXT_LAST_ACTIVITY.name}{{[^}}]*}}) (\S+)$", re.MULTILINE)
# What the real servers say of themselves: their versions, sizes, clocks and connections.
_SERVERS = re.compile(r"^(her_(?:redis|postgres)_\w+|her_endpoint_answer_seconds)({[^}]*}) (\S+)$", re.MULTILINE)
_SERVER_VERSION = re.compile(r'(?<=version=")[^"]*')
_HEARD = re.compile(rf"^({DEBUGGER_LAST_FRAME.name}{{[^}}]*}}) (\S+)$", re.MULTILINE)
# PostgreSQL's own clock runs on beside the one the exporter is given here.
_RENEWED = re.compile(rf"^({LOCK_TIME.name}{{[^}}]*}}) (\S+)$", re.MULTILINE)
_FIRST_BLANK = re.compile(r"(?<!\\) ")
_HASHES = re.compile(r",(?:user|task)=[0-9a-f]{16}")
_FIELD_NAMES = re.compile(r'(\w+)=(?:"(?:[^"\\]|\\.)*"|[^,]*)(?:,|\Z)', re.DOTALL)

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """HER's whole life, as the exporter saw it."""
    return observed(HER, life, tmp_path_factory.mktemp("golden"))


def compare(name: str, text: str) -> None:
    """The text is what the golden file holds; when writing, it becomes that."""
    file = GOLDEN / name
    if WRITING:
        file.write_text(text, encoding="utf-8")
        return
    diff = list(
        difflib.unified_diff(
            file.read_text(encoding="utf-8").splitlines(), text.splitlines(), f"golden/{name}", "now", "", "", 0, ""
        )
    )
    if diff:
        more = [f"… and {len(diff) - MOST_SHOWN} lines more"] if len(diff) > MOST_SHOWN else []
        pytest.fail("\n".join([*diff[:MOST_SHOWN], *more, "", __doc__ or ""]), pytrace=False)


def exposition(told: Observed) -> str:
    """What /metrics says of HER. The times that the servers' and the debugger's own clocks decide are left out."""
    text = _FROM_TTL.sub(r"\1 <from the time to live>", told.families("her_", "gen_ai_"))
    text = _SERVERS.sub(_of_a_server, text)
    text = _RENEWED.sub(r"\1 <by the age that the server tells>", text)
    return _HEARD.sub(r"\1 <when it was heard>", text)


def _of_a_server(found: re.Match[str]) -> str:
    name, labels, _ = found.groups()
    return f"{name}{_SERVER_VERSION.sub('...', labels)} <as the server says>"


def kinds(told: Observed) -> str:
    """Each kind of line once, with the first of them and how many there are; sorted.

    Of one kind are lines of the same measurement, the same tags (hashes aside), and the same fields.
    """
    first: dict[tuple[str, str, str], str] = {}
    counts: Counter[tuple[str, str, str]] = Counter()
    for bucket, line in told.lines:
        series, rest = _FIRST_BLANK.split(line, maxsplit=1)
        fields = rest.rpartition(" ")[0]
        kind = (bucket, _HASHES.sub("", series), ",".join(_FIELD_NAMES.findall(fields)))
        counts[kind] += 1
        first.setdefault(kind, line)
    spelled = (line.replace("\n", "\\n") for _, line in sorted(first.items()))
    return "".join(f"{counts[kind]:4} {kind[0]}: {line}\n" for kind, line in zip(sorted(first), spelled, strict=True))


def test_the_exposition(told: Observed) -> None:
    compare("exposition.prom", exposition(told))


def test_the_lines(told: Observed) -> None:
    compare("lines.influx", kinds(told))


def test_the_time_that_is_not_golden(told: Observed) -> None:
    """A thread's last message is told by its time to live, which Redis's clock counts down while the test runs."""
    (found,) = _FROM_TTL.findall(told.exposition)
    (heartbeat,) = re.findall(r"^her_heartbeat_timestamp_seconds{[^}]*} (\S+)$", told.exposition, re.MULTILINE)
    assert 0 <= float(found[1]) - float(heartbeat) <= life.QUIET_SECONDS


def test_a_series_that_changes_would_be_seen(told: Observed) -> None:
    """The comparison is no decoration: one count more, one label less, one line fewer, and it fails."""
    if WRITING:
        pytest.skip("writing")
    text = exposition(told)
    for changed in (
        re.sub(r'(her_replies_total{[^}]*}) (\d)', r"\1 9\2", text, count=1),
        re.sub(r'mode="chat"', 'mode="other"', text, count=1),
        text.partition("\n")[2],
    ):  # fmt: skip
        assert changed != text
        with pytest.raises(pytest.fail.Exception, match="OBSERVATORY_GOLDEN=write"):
            compare("exposition.prom", changed)
