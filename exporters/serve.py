"""`observatory serve`: read the systems and answer scrapes until told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Sequence

from exporters.core import logs
from exporters.core.contract import System
from exporters.core.metric import Metric
from exporters.core.observatory import Observatory
from exporters.core.settings import Settings
from exporters.core.web import WebServer, load_web_config

log = logging.getLogger(__name__)


def serve(settings: Settings, systems: Sequence[System], catalog: Sequence[Metric]) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code; raises ObservatoryError if it cannot start."""
    logs.configure(settings.log.level, settings.log.format)
    halt = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: halt.set())
    web_config = load_web_config(settings.web.config_file) if settings.web.config_file else None
    observatory = Observatory(settings, systems, catalog)
    server = WebServer(settings.web.listen_addresses, settings.web.telemetry_path, observatory, web_config)
    observatory.served_by(server)
    try:
        server.start()
        observatory.start()
        halt.wait()
        log.info("stopping")
    finally:
        server.stop()
        observatory.stop()
    return 0
