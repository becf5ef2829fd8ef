"""Who gets a message: Apprise addresses from a secret file, separated by blanks or line ends.

    twilio://ACCOUNT:TOKEN@+15550100/+15550101      d7sms://…   signal://…   https://github.com/caronc/apprise/wiki

They carry passwords, so none is ever repeated: they are told by their place in the file and the service's name.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporters.core.errors import ConfigError
from exporters.core.settings import read_secret

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address, understood. name: its place and service, for logs. service: Apprise's own object."""

    name: str
    service: Any


def recipients(file: Path) -> tuple[list[Recipient], list[str]]:
    """Those the file names now, and what is wrong with it, by place. Raises ConfigError if it cannot be read."""
    # Imported here: nothing else in the program needs it.
    import apprise

    # It would tell addresses and answers.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    found, problems = [], []
    for place, address in enumerate(read_secret(file).get_secret_value().split(), start=1):
        service = apprise.Apprise.instantiate(address, suppress_exceptions=True)
        if service is None:
            problems.append(f"{file}: address {place} is none that Apprise understands")
        else:
            found.append(Recipient(f"address {place} ({type(service).__name__})", service))
    if not found and not problems:
        problems.append(f"{file}: names no address")
    return found, problems


def send(text: str, file: Path) -> bool:
    """Send to everybody; whether it reached anybody. Raises ConfigError if the file names nobody that can be reached.

    An address that is none is told in the log and costs nobody else the message. One that fails while another was
    reached is not tried again: that would send twice to those who have it.
    """
    found, problems = recipients(file)
    if not found:
        raise ConfigError(problems)
    for problem in problems:
        log.error("%s", problem)
    reached = False
    for recipient in found:
        try:
            delivered = bool(recipient.service.notify(body=text))
        except Exception as error:  # a service's own code; the others must hear of it all the same
            log.error("%s: %s", recipient.name, type(error).__name__)
            delivered = False
        if not delivered:
            log.error("%s: not delivered", recipient.name)
        reached = reached or delivered
    return reached
