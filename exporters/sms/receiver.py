"""The web application: POST /alerts from Alertmanager, GET /healthz for whoever watches over it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from exporters.core.errors import ConfigError
from exporters.sms.message import NotAlertsError, message

log = logging.getLogger(__name__)

LARGEST_BODY = 1024 * 1024


def application(send: Callable[[str], bool], problems: Callable[[], list[str]]) -> WSGIApplication:
    """send: hands a text on, says whether it reached anybody; may raise ConfigError. problems: with the addresses, now.

    200: somebody was reached. 400: no alerts; Alertmanager gives up. 503: nobody was; Alertmanager tries again.
    """

    def answer(environment: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, text = _answer(environment, send, problems)
        start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(text) + 1))])
        return [text.encode() + b"\n"]

    return answer


def _answer(
    environment: WSGIEnvironment, send: Callable[[str], bool], problems: Callable[[], list[str]]
) -> tuple[str, str]:
    asked = environment["REQUEST_METHOD"], environment["PATH_INFO"]
    if asked in {("GET", "/healthz"), ("HEAD", "/healthz")}:
        wrong = problems()
        return ("503 Service Unavailable", "\n".join(wrong)) if wrong else ("200 OK", "ok")
    if asked != ("POST", "/alerts"):
        return "404 Not Found", "POST /alerts"
    length = str(environment.get("CONTENT_LENGTH") or "")
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        return "413 Content Too Large", f"a body of at most {LARGEST_BODY} bytes, its length told"
    try:
        text = message(environment["wsgi.input"].read(int(length)))
    except NotAlertsError as error:
        log.warning("no alerts: %s", error)
        return "400 Bad Request", str(error)
    try:
        reached = send(text)
    except ConfigError as error:
        log.error("%s", "; ".join(error.problems))
        return "503 Service Unavailable", "the addresses cannot be used; see the log"
    if not reached:
        return "503 Service Unavailable", "nobody was reached"
    log.info("sent: %s", text)
    return "200 OK", "sent"
