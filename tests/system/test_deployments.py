"""Two HERs in one configuration never merge, and one that is down hides nothing of the other."""

from __future__ import annotations

from pathlib import Path

import yaml

from exporters.her.simulate import Her, connect
from tests.servers.fixtures import StartRedis
from tests.system.exporter import Exporter


def test_two_deployments_side_by_side(start_redis: StartRedis, tmp_path: Path) -> None:
    first, second = start_redis(), start_redis()
    for server, talks in ((first, 3), (second, 5)):
        her = Her(connect("127.0.0.1", server.port, server.password), seed=talks)
        her.heartbeat()
        for _ in range(talks):
            her.interaction()
    exporter = Exporter(tmp_path / "exporter", first)
    config = yaml.safe_load(exporter.config.read_text())
    (one,) = config["systems"]["her"]
    other = yaml.safe_load(yaml.safe_dump(one))
    other["deployment"] = "garden"
    other["redis"] |= {"port": second.port, "password_file": str(second.password_file)}
    config["systems"]["her"].append(other)
    exporter.config.write_text(yaml.safe_dump(config))
    with exporter:
        scrape = exporter.until_read()
        assert scrape.one("her_interactions_total", deployment="default") == 3
        assert scrape.one("her_interactions_total", deployment="garden") == 5
        second.stop()
        scrape = exporter.until(
            lambda s: (
                s.one("observatory_source_up", deployment="garden") == 0 and not s.all("her_users", deployment="garden")
            ),
            "the garden is out of sight",
        )
        assert scrape.one("observatory_source_up", deployment="default") == 1
        assert scrape.all("her_users", deployment="default")
        assert scrape.one("her_interactions_total", deployment="garden") == 5
        Her(connect("127.0.0.1", first.port, first.password), seed=9).interaction()
        exporter.until(lambda s: s.one("her_interactions_total", deployment="default") == 4, "the other goes on")
