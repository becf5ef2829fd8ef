"""Shapes of JSON values: what a data contract's tables are made of. Nothing here imports the product.

A shape is called with a path and a value, and raises ContractError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

Shape = Callable[[str, object], None]


class ContractError(AssertionError):
    """A value is not what the contract says; the message names the path, the rule and the value."""

    def __init__(self, path: str, rule: str, value: object) -> None:
        super().__init__(f"{path}: {rule}, not {value!r:.120}")


def require(path: str, value: object, *, holds: bool, rule: str) -> None:
    if not holds:
        raise ContractError(path, rule, value)


def text(*, most: int | None = None, nonempty: bool = False, pattern: str | None = None) -> Shape:
    def check(path: str, value: object) -> None:
        if not isinstance(value, str):
            raise ContractError(path, "must be a string", value)
        require(path, value, holds=most is None or len(value) <= most, rule=f"at most {most} characters")
        require(path, value, holds=bool(value) or not nonempty, rule="must not be empty")
        require(
            path, value, holds=pattern is None or re.fullmatch(pattern, value) is not None, rule=f"must match {pattern}"
        )

    return check


def one_of(*allowed: object) -> Shape:
    def check(path: str, value: object) -> None:
        same = any(type(value) is type(known) and value == known for known in allowed)
        require(path, value, holds=same, rule=f"must be one of {allowed}")

    return check


def integer(least: int | None = None, most: int | None = None) -> Shape:
    def check(path: str, value: object) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise ContractError(path, "must be an integer", value)
        fits = (least is None or value >= least) and (most is None or value <= most)
        require(path, value, holds=fits, rule=f"must lie in {least}..{most}")

    return check


def number(least: float | None = None, most: float | None = None) -> Shape:
    """An integer or a float."""

    def check(path: str, value: object) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ContractError(path, "must be a number", value)
        fits = (least is None or value >= least) and (most is None or value <= most)
        require(path, value, holds=fits, rule=f"must lie in {least}..{most}")

    return check


def real(least: float | None = None, most: float | None = None) -> Shape:
    """A JSON number with a fraction or exponent: what Python writes for a float."""

    def check(path: str, value: object) -> None:
        require(path, value, holds=isinstance(value, float), rule="must be a float")
        number(least, most)(path, value)

    return check


def boolean(path: str, value: object) -> None:
    require(path, value, holds=isinstance(value, bool), rule="must be true or false")


def anything(_path: str, _value: object) -> None:
    """No rule."""


def true(path: str, value: object) -> None:
    require(path, value, holds=value is True, rule="must be true")


def either(*shapes: Shape) -> Shape:
    def check(path: str, value: object) -> None:
        reasons = []
        for shape in shapes:
            try:
                shape(path, value)
            except ContractError as broken:
                reasons.append(str(broken))
            else:
                return
        raise ContractError(path, " / ".join(reasons), value)

    return check


def null(path: str, value: object) -> None:
    require(path, value, holds=value is None, rule="must be null")


def array(item: Shape, most: int | None = None) -> Shape:
    def check(path: str, value: object) -> None:
        if not isinstance(value, list):
            raise ContractError(path, "must be an array", value)
        require(path, len(value), holds=most is None or len(value) <= most, rule=f"at most {most} elements")
        for index, element in enumerate(value):
            item(f"{path}[{index}]", element)

    return check


def fields(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    """An object with exactly these fields."""
    known = {**required, **(optional or {})}

    def check(path: str, value: object) -> None:
        if not isinstance(value, dict):
            raise ContractError(path, "must be an object", value)
        for name in required:
            require(path, sorted(value), holds=name in value, rule=f"must have {name!r}")
        for name, inner in value.items():
            require(path, name, holds=name in known, rule=f"has only {sorted(known)}")
            known[name](f"{path}.{name}", inner)

    return check


def mapping(value_shape: Shape) -> Shape:
    """An object with free names and values of one shape."""

    def check(path: str, value: object) -> None:
        if not isinstance(value, dict):
            raise ContractError(path, "must be an object", value)
        for name, inner in value.items():
            value_shape(f"{path}.{name}", inner)

    return check


UTC_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00")


def stamp(path: str, value: object) -> None:
    """ISO 8601, UTC with an explicit +00:00, fraction of up to six digits or none."""
    if not isinstance(value, str) or UTC_STAMP.fullmatch(value) is None:
        raise ContractError(path, "must be a UTC time with +00:00", value)
    moment(path, value)


def moment(path: str, value: object) -> datetime:
    """An ISO 8601 time with any offset, decoded."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError as error:
        raise ContractError(path, "must be a time", value) from error
    require(path, value, holds=at.utcoffset() is not None, rule="must carry an offset")
    return at


def offset_time(path: str, value: object) -> None:
    require(path, value, holds=isinstance(value, str), rule="must be a string")
    moment(path, value)
