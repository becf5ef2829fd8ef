"""SigmaSight's exposition and lines, byte for byte: whoever changes what operators see finds it in the diff."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporters.sigmasight.health_metrics import ANSWER_SECONDS
from exporters.sigmasight.system import SIGMASIGHT
from tests.contract.golden import WRITING, compare, kinds
from tests.contract.observer import Observed, observed
from tests.sigmasight.golden import life

GOLDEN = Path(__file__).parent / "golden"
_ANSWERED = re.compile(rf"^({ANSWER_SECONDS.name}{{[^}}]*}}) (\S+)$", re.MULTILINE)

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """SigmaSight's whole life, as the exporter saw it."""
    return observed(SIGMASIGHT, life, tmp_path_factory.mktemp("golden"))


def exposition(told: Observed) -> str:
    """What /metrics says of SigmaSight; how fast its back end answered is this machine's."""
    return _ANSWERED.sub(r"\1 <as long as it took>", told.families("sigmasight_", "gen_ai_"))


def test_the_exposition(told: Observed) -> None:
    compare(GOLDEN / "exposition.prom", exposition(told))


def test_the_lines(told: Observed) -> None:
    compare(GOLDEN / "lines.influx", kinds(told))


def test_the_answer_that_is_not_golden(told: Observed) -> None:
    assert all(0 < float(seconds) < 60 for _, seconds in _ANSWERED.findall(told.exposition))
    assert _ANSWERED.search(told.exposition)


def test_a_series_that_changes_would_be_seen(told: Observed) -> None:
    """The comparison is no decoration: one count more, one label less, one line fewer, and it fails."""
    if WRITING:
        pytest.skip("writing")
    text = exposition(told)
    for changed in (
        re.sub(r"(sigmasight_ai_requests_total{[^}]*}) (\d)", r"\1 9\2", text, count=1),
        re.sub(r'trigger="cron"', 'trigger="other"', text, count=1),
        text.partition("\n")[2],
    ):
        assert changed != text
        with pytest.raises(pytest.fail.Exception, match="OBSERVATORY_GOLDEN=write"):
            compare(GOLDEN / "exposition.prom", changed)
