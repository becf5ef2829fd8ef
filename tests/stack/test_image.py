"""The image: what may get into it, and that its dependencies are exactly those written down."""

from __future__ import annotations

import fnmatch
import re
import tomllib
from collections.abc import Iterator
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.stack.compose import ROOT, services, text

DOCKERFILE = text("Dockerfile")
COPIED = [
    source
    for line in re.findall(r"(?m)^COPY (?!--from)(.+?) \S+$", DOCKERFILE.replace("\\\n", " "))
    for source in line.split()
]


def ignored(path: str) -> bool:
    """What .dockerignore says of a path: the last line that matches it or a folder above it counts."""
    out = False
    for line in text(".dockerignore").splitlines():
        pattern = line.strip().lstrip("!")
        if not pattern or pattern.startswith("#"):
            continue
        parts = path.split("/")
        above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        tails = parts if pattern.startswith("**/") else above
        if any(fnmatch.fnmatchcase(part, pattern.removeprefix("**/")) for part in tails):
            out = not line.startswith("!")
    return out


@pytest.mark.parametrize("base", re.findall(r"(?m)^FROM (\S+)", DOCKERFILE))
def test_the_base_is_pinned_to_one_release(base: str) -> None:
    stages = set(re.findall(r"(?m)^FROM \S+ AS (\S+)", DOCKERFILE))
    assert base in stages or re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", base)


@pytest.mark.parametrize("source", COPIED)
def test_what_is_copied_exists_and_is_sent_to_the_build(source: str) -> None:
    assert (ROOT / source).exists()
    assert not ignored(source)


@pytest.mark.parametrize(
    "path",
    [
        *(".env", "secrets/hash_key", "observatory.yml", ".git/config", ".demo/log", ".venv/bin/python"),
        *("tests/conftest.py", "exporters/core/__pycache__/x.pyc", "scripts/prepare.py"),
    ],
)
def test_nothing_private_is_sent_to_the_build(path: str) -> None:
    assert ignored(path)


def test_the_targets_of_compose_are_stages() -> None:
    targets = {service["build"]["target"] for service in services().values() if "build" in service}
    assert targets <= set(re.findall(r"(?m)^FROM \S+ AS (\S+)", DOCKERFILE))


def test_the_user_is_the_one_compose_names() -> None:
    (user,) = re.findall(r"(?m)^USER (.+)$", DOCKERFILE)
    assert {service["user"] for service in services().values() if "build" in service} == {user}


def test_a_volume_that_we_write_gets_our_owner() -> None:
    (line,) = [line for line in DOCKERFILE.replace("\\\n", " ").splitlines() if "install -d" in line]
    made = set(re.findall(r" (/[\w/-]+)", line))
    for name, service in services().items():
        if "build" in service:
            written = [
                v.split(":")[1] for v in service.get("volumes", ()) if isinstance(v, str) and not v.endswith(":ro")
            ]
            assert set(written) <= made, name


def test_the_programs_compose_starts_are_in_the_image() -> None:
    started = {
        part
        for service in services().values()
        for part in service.get("entrypoint", ())
        if part.startswith("/opt/observatory/stack/")
    }
    copied = {f"/opt/observatory/stack/{source}" for source in COPIED}
    assert started
    assert started <= copied


def written_down() -> dict[str, str]:
    lines = [line for line in text("docker/constraints.txt").splitlines() if line and not line.startswith("#")]
    return {name: version for name, _, version in (line.partition("==") for line in lines)}


def needed() -> Iterator[Requirement]:
    project = tomllib.loads(text("pyproject.toml"))["project"]
    yield from map(
        Requirement,
        [
            *project["dependencies"],
            *(line for extra in ("demo", "sms") for line in project["optional-dependencies"][extra]),
        ],
    )


def test_every_dependency_is_written_down_in_a_version_that_will_do() -> None:
    versions = written_down()
    for requirement in needed():
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


def test_what_the_dependencies_need_is_written_down_too() -> None:
    versions = written_down()
    todo, seen = list(needed()), set()
    while todo:
        requirement = todo.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        assert key[0] in versions, f"{requirement} is not in docker/constraints.txt"
        for line in metadata.requires(requirement.name) or ():
            further = Requirement(line)
            if further.marker is None or any(
                further.marker.evaluate({"extra": extra}) for extra in ["", *requirement.extras]
            ):
                todo.append(further)
