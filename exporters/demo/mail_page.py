"""The page of the mail sink: a list of mails and each mail as text. Nothing in a mail is ever run or fetched."""

from __future__ import annotations

import re
import threading
from email.message import EmailMessage
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from exporters.demo.mails import read, stored, text_of

_STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #8884}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;border:1px solid #8884;padding:1rem}"
)
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_MAIL_PATH = re.compile(r"/mail/([0-9]+-[0-9]+)")
LIST_LIMIT = 500


def serve_page(folder: Path, address: str, port: int) -> ThreadingHTTPServer:
    """Serve the page for `folder` on `address`:`port`, in a thread of its own."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            page = _page(folder, self.path)
            self.send_response(HTTPStatus.OK if page else HTTPStatus.NOT_FOUND)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            body = (page or _document("No such mail", "<p><a href='/'>All mails</a></p>")).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the library's
            """Nothing: the list reloads itself every few seconds, and the log is for mails."""

    server = ThreadingHTTPServer((address, port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def _page(folder: Path, path: str) -> str | None:
    if path == "/":
        return _list(folder)
    wanted = _MAIL_PATH.fullmatch(path)
    file = folder / "new" / f"{wanted.group(1)}.eml" if wanted else None
    return _mail(file) if file and file.exists() else None


def _list(folder: Path) -> str:
    rows = []
    for file in reversed(stored(folder)[-LIST_LIMIT:]):
        mail = read(file)
        subject = f"<a href='/mail/{file.stem}'>{_header(mail, 'Subject') or '(no subject)'}</a>"
        rows.append(f"<tr><td>{_header(mail, 'Date')}<td>{_header(mail, 'To')}<td>{subject}")
    if not rows:
        return _document("Mails", "<p>No mail yet.</p>", reload_seconds=5)
    return _document("Mails", f"<table><tr><th>Date<th>To<th>Subject{''.join(rows)}</table>", reload_seconds=5)


def _mail(file: Path) -> str:
    mail = read(file)
    names = ("Date", "From", "To", "Subject")
    rows = "".join(f"<tr><th>{name}<td>{_header(mail, name)}" for name in names)
    body = f"<table>{rows}</table><pre>{escape(text_of(mail))}</pre><p><a href='/'>All mails</a></p>"
    return _document(str(mail.get("Subject", "Mail")), body)


def _header(mail: EmailMessage, name: str) -> str:
    return escape(str(mail.get(name, "")))


def _document(title: str, body: str, *, reload_seconds: int = 0) -> str:
    reload = f"<meta http-equiv='refresh' content='{reload_seconds}'>" if reload_seconds else ""
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
        f"{reload}<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>{body}</html>"
    )
