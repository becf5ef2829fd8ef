#!/usr/bin/env python3
"""Lay out the files that Prometheus, Alertmanager and the Grafanas read, for one installation.

usage: layout.py --config observatory.yml --out DIRECTORY

The repository holds dashboards, rules and provisioning of every system. An installation watches some of them, and what
it does not watch must not have empty pages and blind alerts. Under DIRECTORY come to stand:

    prometheus/          prometheus.yml, web.yml, client.yml, rules/*.yml
    alertmanager/        alertmanager.yml, web.yml, client.yml
    grafana/             grafana.ini, provisioning/, dashboards/ (and home.json in it)
    grafana-restricted/  the same for the second Grafana: text pages only, no alert rules

Each option but the two paths also by environment, STACK_TEXT for --text; mail settings by environment only (see
docs/operating.md). Files are replaced one by one and stale ones removed last, so that a running Grafana never sees an
empty folder and deletes its dashboards. Exit status 2: the settings contradict themselves; nothing was written.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from server_configs import Addresses, alertmanager_yml, client_yml, duration, prometheus_yml, web_yml
from text_sources import TextSource, databases_asked, provisioning, text_sources
from watched import ContradictionError, known_systems, watched

ROOT = Path(__file__).resolve().parent.parent
PROVISIONING = ROOT / "grafana" / "provisioning"
PAGES = ROOT / "grafana" / "dashboards" / "generated"

LINKS = "http://localhost:3002/"
"""How the generated rules begin a link to a dashboard."""

READS = "reads-"
"""How a page's tag begins that names a source it cannot do without."""

RUNBOOKS = "runbook_url: docs/runbooks.md"
"""How they begin a link to a runbook: a path in the repository, which a mail cannot open."""

Tree = dict[PurePosixPath, bytes]
"""What is to stand under the output directory: relative path -> content."""


class Choice:
    """Which of the repository's files an installation gets.

    A file or folder named after a system (`her.yml`, `her-text.yml`, `her/`) comes with that system; any other name
    (`home`, `observatory`, `notify`) belongs to everybody.
    """

    def __init__(
        self,
        configured: frozenset[str],
        known: frozenset[str],
        sources: Mapping[str, frozenset[str]],
        texts: Sequence[TextSource] = (),
    ) -> None:
        self._left_out = known - configured
        self._sources = sources
        self.texts = tuple(texts)

    def files(self, folder: Path, pattern: str) -> Iterator[Path]:
        """The chosen files of a folder, in the order of their names."""
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and path.stem.removesuffix("-text") not in self._left_out:
                yield path

    def pages(self, kind: str) -> Iterator[Path]:
        """The chosen dashboards below generated/<kind>/<folder>/."""
        for path in sorted((PAGES / kind).glob("*/*.json")):
            if path.parent.name not in self._left_out and self._has_what_it_reads(path):
                yield path

    def _has_what_it_reads(self, page: Path) -> bool:
        """Whether what its tags name is watched (`reads-postgres`), and somebody may read what its panels ask."""
        content = page.read_bytes()
        if not databases_asked(content) <= {source.kind.name for source in self.texts if source.reader is not None}:
            return False
        tags = json.loads(content).get("tags", ())
        wanted = {tag.removeprefix(READS) for tag in tags if tag.startswith(READS)}
        return wanted <= self._sources.get(page.parent.name, frozenset())


def grafana_tree(choice: Choice, at: PurePosixPath, *, interval: str, tls: bool, main: bool, text: bool) -> Tree:
    """One Grafana's files below `at`.

    interval: of Prometheus's scrapes. tls: the servers it asks speak it. main, text: pages without text, and with.
    """
    tree: Tree = {at / "grafana.ini": (ROOT / "grafana" / "grafana.ini").read_bytes()}
    below = at / "provisioning"
    kinds = [kind for kind, wanted in (("main", main), ("restricted", text)) if wanted]
    shown: set[tuple[str, str]] = set()
    for kind in kinds:
        for page in choice.pages(kind):
            shown.add((kind, page.parent.name))
            tree[at / "dashboards" / kind / page.parent.name / page.name] = page.read_bytes()
    for source in choice.files(PROVISIONING / "datasources", "*.yml"):
        if text or not source.stem.endswith("-text"):
            # From the same file as Prometheus's own: apart, rate() would see too few samples.
            content = source.read_bytes().replace(b"$PROMETHEUS_SCRAPE_INTERVAL", interval.encode())
            # Not from Grafana's environment: a variable is always text there, and text where it wants a boolean makes
            # every query end in a panic (Grafana 10.1).
            content = content.replace(b"$SERVERS_SPEAK_TLS", b"true" if tls else b"false")
            tree[below / "datasources" / source.name] = content
    if choice.texts:
        tree[below / "datasources" / "databases-text.yml"] = provisioning(choice.texts, text=text)
    for provider in choice.files(PROVISIONING / "dashboards", "*.yml"):
        kind = "restricted" if provider.stem.endswith("-text") else "main"
        # A provider without pages would log an error every half minute.
        if (kind, provider.stem.removesuffix("-text")) in shown:
            tree[below / "dashboards" / provider.name] = provider.read_bytes()
    # Grafana reports each of its folders that is missing.
    for folder in ("datasources", "dashboards", "alerting", "plugins", "notifiers"):
        tree[below / folder / "empty.yml"] = b"apiVersion: 1\n"
    tree[at / "dashboards" / "home.json"] = home_page(main=main)
    return tree


def home_page(*, main: bool) -> bytes:
    """The page after login: Home without its uid, or a plain list of pages where there is no Home."""
    home = PAGES / "main" / "home" / "home.json"
    source = home if main and home.exists() else PROVISIONING / "all-dashboards.json"
    page: dict[str, Any] = json.loads(source.read_bytes())
    # With a uid Grafana would treat the file as the stored dashboard of that name and ask for it instead.
    page.pop("uid", None)
    page.pop("id", None)
    return json.dumps(page, indent=2).encode() + b"\n"


def stack_tree(options: argparse.Namespace, environment: Mapping[str, str]) -> Tree:
    """Every file of the stack. Raises ContradictionError before anything is written."""
    config = watched(options.config)
    choice = Choice(config.systems, known_systems(), config.sources, text_sources(config.deployments))
    addresses = Addresses(
        exporters=tuple(split(options.exporters)),
        prometheus=options.prometheus,
        alertmanager=options.alertmanager,
        scrape_interval=config.scrape_interval,
        tls_ca=options.tls_ca,
    )
    prometheus, alertmanager = PurePosixPath("prometheus"), PurePosixPath("alertmanager")
    tree: Tree = {
        prometheus / "prometheus.yml": prometheus_yml(ROOT / "prometheus" / "prometheus.yml", addresses),
        alertmanager / "alertmanager.yml": alertmanager_yml(
            ROOT / "prometheus" / "alertmanager.yml", {**environment, "SMS_RECEIVER": sms_receiver(options)}
        ),
    }
    for server in (prometheus, alertmanager):
        tree[server / "web.yml"] = web_yml(server.name, addresses)
        tree[server / "client.yml"] = client_yml(addresses)
    for rules in choice.files(ROOT / "prometheus" / "rules", "*.yml"):
        tree[prometheus / "rules" / rules.name] = linked(rules, options)
    interval, text, tls = duration(config.scrape_interval), options.text == "together", bool(options.tls_ca)
    tree |= grafana_tree(choice, PurePosixPath("grafana"), interval=interval, tls=tls, main=True, text=text)
    tree |= grafana_tree(choice, PurePosixPath("grafana-restricted"), interval=interval, tls=tls, main=False, text=True)
    # In the main one only: what two evaluate comes twice.
    alerting = PurePosixPath("grafana", "provisioning", "alerting")
    for rules in choice.files(PROVISIONING / "alerting", "*.yml"):
        tree[alerting / rules.name] = linked(rules, options)
    return tree


def linked(rules: Path, options: argparse.Namespace) -> bytes:
    """Alert rules, with their links to dashboards and runbooks leading where people reach them.

    Raises ContradictionError for an address that is none: it would be a dead link in every mail.
    """
    text = rules.read_bytes().replace(LINKS.encode(), _address("STACK_GRAFANA", options.grafana).encode() + b"/")
    if not options.runbooks:
        return text
    return text.replace(RUNBOOKS.encode(), f"runbook_url: {_address('STACK_RUNBOOKS', options.runbooks)}".encode())


def _address(name: str, given: str) -> str:
    """An http address without the slash at its end, in letters that need no quotes in YAML."""
    if not re.fullmatch(r"https?://[A-Za-z0-9._~:/?&=%@\[\]-]+", given):
        message = f"{name}={given}: an address like https://observatory.example.org:3002/"
        raise ContradictionError(message)
    return given.rstrip("/")


def sms_receiver(options: argparse.Namespace) -> str:
    """Where Alertmanager posts what is to be sent by SMS; empty without the profile."""
    return f"http://{options.sms}/alerts" if "sms" in split(options.profiles) else ""


def split(words: str) -> list[str]:
    """The members of a list written with commas."""
    return [word.strip() for word in words.split(",") if word.strip()]


def write(tree: Tree, out: Path) -> int:
    """Make `out` hold exactly the tree, touching only what differs. Returns how many files changed."""
    changed = 0
    for relative, content in tree.items():
        path = out / relative
        if path.is_file() and path.read_bytes() == content:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}.new")
        fresh.write_bytes(content)
        fresh.chmod(0o644)
        fresh.replace(path)
        changed += 1
    tops = {relative.parts[0] for relative in tree}
    wanted = {out / relative for relative in tree}
    for top in sorted(tops):
        for path in sorted((out / top).rglob("*"), reverse=True):
            if path.is_file() and path not in wanted:
                path.unlink()
                changed += 1
            elif path.is_dir() and not any(path.iterdir()):
                path.rmdir()
    return changed


def arguments(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    """The command line; an empty variable counts as none."""

    def default(name: str, otherwise: str) -> str:
        return environment.get(f"STACK_{name}") or otherwise

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="observatory.yml")
    parser.add_argument("--out", type=Path, required=True, help="directory to fill")
    parser.add_argument(
        "--text",
        choices=("apart", "together"),
        default=default("TEXT", "apart"),
        help="pages with text: in the restricted Grafana (apart), or also in the main one (together)",
    )
    parser.add_argument("--exporters", default=default("EXPORTERS", "exporter:9464"), help="host:port,host:port")
    parser.add_argument("--prometheus", default=default("PROMETHEUS", "prometheus:9090"), help="host:port")
    parser.add_argument("--alertmanager", default=default("ALERTMANAGER", "alertmanager:9093"), help="host:port")
    parser.add_argument("--grafana", default=default("GRAFANA", LINKS), help="where people reach Grafana, for links")
    parser.add_argument("--runbooks", default=default("RUNBOOKS", ""), help="where people read docs/runbooks.md")
    parser.add_argument("--profiles", default=default("PROFILES", ""), help="compose profiles that are on")
    parser.add_argument("--sms", default=default("SMS", "sms:9465"), help="host:port, of the profile sms")
    parser.add_argument("--tls-ca", default=default("TLS_CA", ""), help="certificate authority file; none: plain http")
    return parser


def main() -> int:
    """Write the tree; returns the exit status."""
    options = arguments(os.environ).parse_args()
    try:
        tree = stack_tree(options, os.environ)
    except ContradictionError as problem:
        print(f"layout: {problem}", file=sys.stderr)
        return 2
    changed = write(tree, options.out)
    print(f"layout: {len(tree)} files in {options.out}, {changed} changed")
    if "email_configs" not in tree[PurePosixPath("alertmanager/alertmanager.yml")].decode():
        print("layout: ALERT_EMAIL_TO is not set: alerts show in Grafana and Alertmanager, nobody gets mail")
    return 0


if __name__ == "__main__":
    sys.exit(main())
