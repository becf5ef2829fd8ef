"""Prometheus's and Alertmanager's configuration of one installation, made from the files in prometheus/.

Facts: Prometheus and Alertmanager expand no environment variables in their files; passwords stay in files of their own
and are only named here. The exporter-toolkit web configuration file may be empty: plain HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from watched import ContradictionError

SCRAPE_TIMEOUT_SECONDS = 10

_WORD = re.compile(r"\$([A-Z_]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the servers are (host:port), how often to scrape (seconds), and their CA file (empty: plain HTTP)."""

    exporters: tuple[str, ...]
    prometheus: str
    alertmanager: str
    scrape_interval: float
    tls_ca: str


def prometheus_yml(template: Path, addresses: Addresses) -> bytes:
    """prometheus.yml with addresses, interval and scheme put in. Exporters are asked in plain HTTP, as in the file."""
    document = yaml.safe_load(template.read_text(encoding="utf-8"))
    interval = addresses.scrape_interval
    document["global"] |= {
        "scrape_interval": duration(interval),
        "evaluation_interval": duration(interval),
        # Prometheus refuses one above the interval.
        "scrape_timeout": duration(min(interval, SCRAPE_TIMEOUT_SECONDS)),
    }
    targets = {
        "observatory": list(addresses.exporters),
        "prometheus": [addresses.prometheus],
        "alertmanager": [addresses.alertmanager],
    }
    for job in document["scrape_configs"]:
        job["static_configs"] = [{"targets": targets[job["job_name"]]}]
        if job["job_name"] != "observatory":
            job.update(_scheme(addresses))
    (alertmanagers,) = document["alerting"]["alertmanagers"]
    alertmanagers["static_configs"] = [{"targets": [addresses.alertmanager]}]
    alertmanagers.update(_scheme(addresses))
    return _dump(document)


def duration(seconds: float) -> str:
    """Seconds as Prometheus and Grafana write them: 15 -> 15s, 0.5 -> 500ms."""
    return f"{seconds:g}s" if seconds == int(seconds) else f"{round(seconds * 1000)}ms"


def _scheme(addresses: Addresses) -> dict[str, Any]:
    if not addresses.tls_ca:
        return {"scheme": "http"}
    return {"scheme": "https", "tls_config": {"ca_file": addresses.tls_ca}}


def web_yml(server: str, addresses: Addresses) -> bytes:
    """The server's web configuration file: its certificate where TLS is on, otherwise empty."""
    if not addresses.tls_ca:
        return _dump({})
    certificate = {"cert_file": f"/run/secrets/tls_{server}_crt", "key_file": f"/run/secrets/tls_{server}_key"}
    return _dump({"tls_server_config": {**certificate, "min_version": "TLS12"}})


def client_yml(addresses: Addresses) -> bytes:
    """What promtool and amtool need to ask the server they stand beside (the health checks do)."""
    return _dump({"tls_config": {"ca_file": addresses.tls_ca}} if addresses.tls_ca else {})


def alertmanager_yml(template: Path, environment: Mapping[str, str]) -> bytes:
    """alertmanager.yml with the mail settings put in, or without mail where ALERT_EMAIL_TO is empty.

    With SMS_RECEIVER critical alerts are posted there too. Raises ContradictionError if there is somebody to mail to
    and no way to do it.
    """
    document = yaml.safe_load(template.read_text(encoding="utf-8"))
    words = {name: value.strip() for name, value in environment.items() if value.strip()}
    settings = document["global"]
    if "SMS_RECEIVER" not in words:
        for receiver in document["receivers"]:
            ours = [hook for hook in receiver.pop("webhook_configs", ()) if hook.get("url") != "$SMS_RECEIVER"]
            # Others may have been added beside it.
            receiver.update({"webhook_configs": ours} if ours else {})
    if "ALERT_EMAIL_TO" not in words:
        document["global"] = {name: value for name, value in settings.items() if not name.startswith("smtp_")}
        for receiver in document["receivers"]:
            receiver.pop("email_configs", None)
        return _dump(_fill(document, words))
    missing = [name for name in ("SMTP_SMARTHOST", "ALERT_EMAIL_FROM") if name not in words]
    if missing:
        message = f"ALERT_EMAIL_TO is set, but not {' and '.join(missing)}"
        raise ContradictionError(message)
    if not re.fullmatch(r".+:\d+", words["SMTP_SMARTHOST"]):
        message = f"SMTP_SMARTHOST={words['SMTP_SMARTHOST']}: host:port"
        raise ContradictionError(message)
    words.setdefault("ALERT_EMAIL_CRITICAL_TO", words["ALERT_EMAIL_TO"])
    words.setdefault("SMTP_HELLO", "localhost")
    words.setdefault("SMTP_REQUIRE_TLS", "true")
    words.setdefault("SMTP_PASSWORD_FILE", "/run/secrets/smtp_password")
    if words["SMTP_REQUIRE_TLS"] not in ("true", "false"):
        message = f"SMTP_REQUIRE_TLS={words['SMTP_REQUIRE_TLS']}: true or false"
        raise ContradictionError(message)
    if "SMTP_USERNAME" not in words:
        # A server that wants no login: Alertmanager would otherwise insist on the password file.
        for name in ("smtp_auth_username", "smtp_auth_password_file"):
            del settings[name]
    document = _fill(document, words)
    document["global"]["smtp_require_tls"] = words["SMTP_REQUIRE_TLS"] == "true"
    return _dump(document)


def _fill(value: Any, words: Mapping[str, str]) -> Any:
    """Replace $WORDS in every string; Alertmanager's own {{ templates }} have none."""
    if isinstance(value, dict):
        return {name: _fill(member, words) for name, member in value.items()}
    if isinstance(value, list):
        return [_fill(member, words) for member in value]
    if isinstance(value, str):
        return _WORD.sub(lambda found: words.get(found[1], found[0]), value)
    return value


class _Plain(yaml.SafeDumper):
    """Repeats a value rather than referring to it: the file is read by people too."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _dump(document: Mapping[str, Any]) -> bytes:
    text: str = yaml.dump(dict(document), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=10_000)
    return b"# Written by scripts/layout.py: changes here are lost.\n" + text.encode()
