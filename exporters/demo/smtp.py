"""A mail sink on loopback: it takes every mail, keeps each as a file, and shows them on a page.

    python -m exporters.demo.smtp --smtp 2525 --web 8025 --folder .demo/mail

Mails lie in FOLDER/new as .eml files, written elsewhere and renamed into place, so whoever looks sees whole mails only.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

from exporters.demo.loopback import answers
from exporters.demo.mail_page import serve_page
from exporters.demo.mails import read, stored
from exporters.demo.ports import LOOPBACK
from exporters.demo.process import Server

MAX_MAIL_BYTES = 10_000_000


class MailSink(Server):
    """The sink as a server of its own: SMTP on `port`, the page on `web_port`."""

    def __init__(self, folder: Path, port: int, web_port: int, *, name: str = "Mail sink") -> None:
        self.port = port
        self.web_port = web_port
        self.folder = folder
        page_answers = answers(web_port, "/")

        def ready() -> bool:
            with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
                connection.settimeout(2)
                return connection.recv(3) == b"220" and page_answers()

        super().__init__(
            name,
            [sys.executable, "-m", __name__, "--smtp", str(port), "--web", str(web_port), "--folder", folder],
            log=folder / "smtp.log",
            ready=ready,
        )

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.web_port}"

    def mails(self) -> list[EmailMessage]:
        """Every mail that arrived, the oldest first."""
        return [read(path) for path in stored(self.folder)]


class Keeper:
    """Receives mails for aiosmtpd and stores each one, with its envelope in Return-Path and Delivered-To."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()
        for part in ("tmp", "new"):
            (folder / part).mkdir(parents=True, exist_ok=True)

    # aiosmtpd looks the handler up by this very name.
    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802, ARG002
        sender = _one_line(str(getattr(envelope, "mail_from", "")))
        recipients = ", ".join(_one_line(address) for address in getattr(envelope, "rcpt_tos", ()))
        content: bytes = getattr(envelope, "original_content", b"") or b""
        head = f"Return-Path: <{sender}>\r\nDelivered-To: {recipients}\r\n".encode()
        name = f"{time.time_ns():020d}-{next(self._numbers):06d}.eml"
        written = self._folder / "tmp" / name
        written.write_bytes(head + content)
        written.rename(self._folder / "new" / name)
        print(f"mail for {recipients}", flush=True)
        return "250 OK"


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT."""
    # Only whoever runs the sink needs aiosmtpd: the rest of this package works without it.
    from aiosmtpd.controller import Controller

    parser = argparse.ArgumentParser(description="A mail sink on loopback.")
    parser.add_argument("--smtp", type=int, required=True, metavar="PORT")
    parser.add_argument("--web", type=int, required=True, metavar="PORT", help="port of the page that lists the mails")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--address", default=LOOPBACK, help="where to listen; other than loopback in a container only")
    options = parser.parse_args(argv)
    os.umask(0o077)
    signals = {signal.SIGTERM, signal.SIGINT}
    # Blocked before any thread exists, so that they wait for sigwait below and interrupt nothing.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    controller = Controller(
        Keeper(options.folder), hostname=options.address, port=options.smtp, data_size_limit=MAX_MAIL_BYTES
    )
    controller.start()
    serve_page(options.folder, options.address, options.web)
    signal.sigwait(signals)
    controller.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
