"""Each real server starts from nothing on loopback and does what the demo and the tests need of it."""

from __future__ import annotations

import os
import smtplib
import stat
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from playwright.sync_api import Browser
from redis.backoff import NoBackoff
from redis.retry import Retry

from exporters.demo.loopback import request
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.demo.process import Server, ServerError
from exporters.demo.redis import Redis
from exporters.demo.smtp import MailSink
from exporters.demo.victoriametrics import VictoriaMetrics
from tests.demo.test_process import eventually
from tests.servers.fixtures import StartAlertmanager, StartPrometheus, StartRedis


def listening(server: Server) -> set[str]:
    """The addresses it listens on."""
    connections = psutil.Process(server.pid).net_connections("inet")
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}


def client(server: Redis) -> redis.Redis:
    return redis.Redis(port=server.port, password=server.password, decode_responses=True)


def test_redis_keeps_its_data_over_a_restart_and_a_crash(redis_server: Redis) -> None:
    with client(redis_server) as connection:
        connection.lpush("list", "one")
    redis_server.restart()
    with client(redis_server) as connection:
        connection.lpush("list", "two")
    redis_server.kill()
    redis_server.start().wait_ready()
    with client(redis_server) as connection:
        assert connection.lrange("list", 0, -1) == ["two", "one"]
    assert listening(redis_server) == {"127.0.0.1"}


def test_redis_wants_the_password_and_nobody_can_read_it(redis_server: Redis) -> None:
    never = Retry(NoBackoff(), 0)
    with redis.Redis(port=redis_server.port, retry=never) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert redis_server.password_file is not None
    assert redis_server.password
    for file in (redis_server.password_file, redis_server.folder / "redis.conf"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert redis_server.password not in " ".join(psutil.Process(redis_server.pid).cmdline())


def test_redis_takes_users_and_options(start_redis: StartRedis) -> None:
    server = start_redis(users=["reader on nopass %R~her:* -@all +get"], options={"maxmemory": "50mb"})
    with client(server) as connection:
        connection.set("her:a", "1")
        assert connection.config_get("maxmemory") == {"maxmemory": "52428800"}
    with redis.Redis(port=server.port, username="reader", password="any") as reader:
        assert reader.get("her:a") == b"1"
        with pytest.raises(redis.exceptions.NoPermissionError):
            reader.set("her:a", "2")


def test_prometheus_scrapes_evaluates_and_reloads(prometheus_server: StartPrometheus, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("groups: [{name: g, interval: 1s, rules: [{record: double, expr: vector(2)}]}]")
    config = {"global": {"scrape_interval": "1s"}, "rule_files": [str(rules)]}
    server = prometheus_server(config)
    assert eventually(lambda: server.query("double") == {(("__name__", "double"),): 2.0})
    rules.write_text("groups: [{name: g, interval: 1s, rules: [{record: double, expr: vector(4)}]}]")
    server.reload()
    assert eventually(lambda: server.query("double") == {(("__name__", "double"),): 4.0})
    scrape = {"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}
    server.reload({**config, "scrape_configs": [scrape]})
    assert eventually(lambda: 1.0 in server.query('up{job="self"}').values())
    assert listening(server) == {"127.0.0.1"}


def test_prometheus_says_why_it_refuses(prometheus_server: StartPrometheus, tmp_path: Path) -> None:
    server = prometheus_server({})
    with pytest.raises(ServerError, match="parse error"):
        server.query("rate(")
    broken = tmp_path / "broken.yml"
    broken.write_text("groups: [{name: g, rules: [{record: double, expr: 'rate('}]}]")
    with pytest.raises(ServerError, match="refused its configuration"):
        server.reload({"rule_files": [str(broken)]})


def test_an_alert_goes_from_prometheus_through_alertmanager_into_a_mail(
    prometheus_server: StartPrometheus, alertmanager_server: StartAlertmanager, smtp_sink: MailSink, tmp_path: Path
) -> None:
    mail = {"to": "operator@example.org", "send_resolved": True}
    alertmanager = alertmanager_server(
        {
            "global": {
                "smtp_smarthost": f"127.0.0.1:{smtp_sink.port}",
                "smtp_from": "alerts@example.org",
                "smtp_require_tls": False,
            },
            "route": {"receiver": "mail", "group_wait": "1s"},
            "receivers": [{"name": "mail", "email_configs": [mail]}],
        }
    )
    rules = tmp_path / "rules.yml"
    rules.write_text(
        "groups: [{name: g, interval: 1s, rules: [{alert: ShopClosed, expr: vector(1), "
        "annotations: {summary: 'No <b>bread</b> today'}}]}]"
    )
    prometheus_server(
        {
            "rule_files": [str(rules)],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager.port}"]}]}],
            },
        }
    )
    assert eventually(lambda: bool(smtp_sink.mails()), 40)
    received = smtp_sink.mails()[0]
    assert "ShopClosed" in received["Subject"]
    assert received["Delivered-To"] == "operator@example.org"
    assert [alert["labels"]["alertname"] for alert in alertmanager.alerts()] == ["ShopClosed"]
    assert listening(alertmanager) == {"127.0.0.1"}


def test_alertmanager_takes_alerts_and_reloads(alertmanager_server: StartAlertmanager) -> None:
    config = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    server = alertmanager_server(config)
    ends = (datetime.now(tz=UTC) + timedelta(minutes=5)).isoformat()
    server.post([{"labels": {"alertname": "ByHand"}, "endsAt": ends}])
    assert eventually(lambda: [alert["labels"]["alertname"] for alert in server.alerts()] == ["ByHand"])
    server.reload()
    with pytest.raises(ServerError, match="refused its configuration"):
        server.reload({**config, "route": {"receiver": "unknown"}})


def test_victoriametrics_gives_back_line_protocol_at_once(victoriametrics: VictoriaMetrics) -> None:
    now = datetime.now(tz=UTC)
    line = f"shop,kind=bread sold=3i {int(now.timestamp() * 1e9)}"
    assert request(victoriametrics.port, "/api/v2/write", method="POST", body=line).status == 204

    def sold() -> bool:
        victoriametrics.flush()
        answer = request(victoriametrics.port, "/api/v1/query", query={"query": 'shop_sold{kind="bread"}'}).json()
        return [series["value"][1] for series in answer["data"]["result"]] == ["3"]

    assert eventually(sold)
    assert listening(victoriametrics) == {"127.0.0.1"}


def test_postgres_is_empty_protected_and_gone_afterwards(postgres_server: Postgres) -> None:
    with psycopg.connect(postgres_server.dsn()) as connection:
        connection.execute("CREATE TABLE t (id int)")
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"host=127.0.0.1 port={postgres_server.port} user=postgres password=wrong")
    postgres_server.restart()
    with psycopg.connect(postgres_server.dsn()) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert listening(postgres_server) == {"127.0.0.1"}
    postgres_server.stop()
    postgres_server.discard()
    if os.geteuid() == 0:
        assert not postgres_server.data.exists()


def test_the_mail_page_runs_nothing_and_asks_for_nothing(smtp_sink: MailSink, chromium: Browser) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "alerts@example.org", "operator@example.org"
    mail["Subject"] = "<script>document.title='owned'</script>"
    head, image = "<head><style>x</style></head>", "<img src='http://192.0.2.1/x'>"
    mail.set_content(f"<html>{head}<body><p>Bread &amp; butter{image}</body></html>", "html")
    with smtplib.SMTP("127.0.0.1", smtp_sink.port) as smtp:
        smtp.send_message(mail)
    context = chromium.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda sent: asked.append(sent.url))
    page.goto(smtp_sink.address)
    page.get_by_role("link", name="<script>").click()
    page.wait_for_selector("pre")
    assert page.inner_text("pre") == "Bread & butter"
    assert page.title() == "<script>document.title='owned'</script>"
    context.close()
    assert all(url.startswith(smtp_sink.address) for url in asked)


def test_the_mail_page_knows_only_mails(smtp_sink: MailSink) -> None:
    assert b"No mail yet" in request(smtp_sink.web_port, "/").body
    (smtp_sink.folder / "secret.eml").write_text("secret")
    for path in ("/mail/../secret", "/mail/..%2fsecret", "/mail/1-1", "/other"):
        assert request(smtp_sink.web_port, path).status == 404
    assert listening(smtp_sink) == {"127.0.0.1"}


def test_the_fixtures_stop_what_they_start(start_redis: StartRedis) -> None:
    server = start_redis()
    assert server.running
    with Redis(server.folder.parent / "other", free_port()) as other:
        assert other.running
    assert not other.running
    assert server.running
