"""A real Prometheus finds the exporter by its service discovery and scrapes it with everything switched on."""

from __future__ import annotations

from pathlib import Path

import bcrypt

from exporters.core.web import load_web_config
from tests.core.web_clients import Authority, Shown, serving, until
from tests.servers.fixtures import StartPrometheus

EVERY_TYPE = b"""\
# HELP her_replies Replies.
# TYPE her_replies counter
her_replies_total{mode="chat"} 7.0
# HELP her_reply_seconds Time to reply.
# TYPE her_reply_seconds histogram
her_reply_seconds_bucket{le="1.0"} 1.0
her_reply_seconds_bucket{le="+Inf"} 2.0
her_reply_seconds_sum 3.5
her_reply_seconds_count 2.0
# EOF
"""


class OpenMetricsOnly(Shown):
    """Says in the text format that it was asked for the text format."""

    def metrics(self, openmetrics: bool) -> bytes:  # noqa: FBT001 - the protocol's
        return EVERY_TYPE if openmetrics else b"asked_for_text 1\n"


def test_prometheus_scrapes_over_tls_with_a_client_certificate_and_a_password(
    tmp_path: Path, prometheus_server: StartPrometheus
) -> None:
    authority = Authority(tmp_path / "ca")
    ours, theirs = authority.issue("server"), authority.issue("scraper", client=True)
    hashed = bcrypt.hashpw(b"correct horse", bcrypt.gensalt(4)).decode()
    web = tmp_path / "web.yml"
    web.write_text(
        f"tls_server_config:\n  cert_file: {ours.certificate}\n  key_file: {ours.key}\n"
        f"  client_ca_file: {authority.certificate}\n  client_auth_type: RequireAndVerifyClientCert\n"
        f"basic_auth_users:\n  prometheus: {hashed}\n"
    )
    password = tmp_path / "password"
    password.write_text("correct horse")
    with serving(OpenMetricsOnly(), load_web_config(web)) as server:
        client = {
            "tls_config": {
                "ca_file": str(authority.certificate),
                "cert_file": str(theirs.certificate),
                "key_file": str(theirs.key),
            },
            "basic_auth": {"username": "prometheus", "password_file": str(password)},
        }
        discovery = {"url": f"https://{server.addresses[0]}/sd/prometheus", "refresh_interval": "1s", **client}
        job = {"job_name": "observatory", "http_sd_configs": [discovery], **client}
        prometheus = prometheus_server(
            {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [job]}
        )

        until(lambda: list(prometheus.query('up{job="observatory"}').values()) == [1.0], seconds=30)
        (target,) = prometheus.api("targets")["activeTargets"]
        assert target["scrapeUrl"] == f"https://{server.addresses[0]}/metrics"
        assert target["lastError"] == ""
        until(lambda: list(prometheus.query("her_reply_seconds_sum").values()) == [3.5])
        assert list(prometheus.query('her_replies_total{mode="chat"}').values()) == [7.0]
        assert prometheus.query("asked_for_text") == {}
        assert server.defects == 0
