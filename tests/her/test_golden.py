"""HER's exposition and lines, byte for byte: whoever changes what operators see finds it in the diff."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporters.her.metrics import CONTEXT_LAST_ACTIVITY, DEBUGGER_LAST_FRAME
from exporters.her.sql_metrics import LOCK_TIME
from exporters.her.system import HER
from tests.contract.golden import WRITING, compare, kinds
from tests.contract.observer import Observed, observed
from tests.her.golden import life

GOLDEN = Path(__file__).parent / "golden"
_FROM_TTL = re.compile(rf"^({CONTEXT_LAST_ACTIVITY.name}{{[^}}]*}}) (\S+)$", re.MULTILINE)
# What the real servers say of themselves: their versions, sizes, clocks and connections.
_SERVERS = re.compile(r"^(her_(?:redis|postgres)_\w+|her_endpoint_answer_seconds)({[^}]*}) (\S+)$", re.MULTILINE)
_SERVER_VERSION = re.compile(r'(?<=version=")[^"]*')
_HEARD = re.compile(rf"^({DEBUGGER_LAST_FRAME.name}{{[^}}]*}}) (\S+)$", re.MULTILINE)
# PostgreSQL's own clock runs on beside the one the exporter is given here.
_RENEWED = re.compile(rf"^({LOCK_TIME.name}{{[^}}]*}}) (\S+)$", re.MULTILINE)

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """HER's whole life, as the exporter saw it."""
    return observed(HER, life, tmp_path_factory.mktemp("golden"))


def exposition(told: Observed) -> str:
    """What /metrics says of HER. The times that the servers' and the debugger's own clocks decide are left out."""
    text = _FROM_TTL.sub(r"\1 <from the time to live>", told.families("her_", "gen_ai_"))
    text = _SERVERS.sub(_of_a_server, text)
    text = _RENEWED.sub(r"\1 <by the age that the server tells>", text)
    return _HEARD.sub(r"\1 <when it was heard>", text)


def _of_a_server(found: re.Match[str]) -> str:
    name, labels, _ = found.groups()
    return f"{name}{_SERVER_VERSION.sub('...', labels)} <as the server says>"


def test_the_exposition(told: Observed) -> None:
    compare(GOLDEN / "exposition.prom", exposition(told))


def test_the_lines(told: Observed) -> None:
    compare(GOLDEN / "lines.influx", kinds(told))


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
            compare(GOLDEN / "exposition.prom", changed)
