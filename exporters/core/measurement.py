"""An InfluxDB measurement, declared once: its bucket, tags, and fields with one type for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as stored
from typing import Literal

from exporters.core.errors import DeclarationError
from exporters.core.label import DEPLOYMENT, NAME, Label

FieldType = Literal["int", "float", "bool", "str"]
FieldValue = int | float | bool | str
BucketKind = Literal["events", "daily", "text"]

_PYTHON: Mapping[FieldType, type] = {"int": int, "float": float, "bool": bool, "str": str}
_SUFFIX: Mapping[BucketKind, str] = {"events": "", "daily": "_daily", "text": "_text"}
_RESERVED = {"time", "_time", "_value", "_field", "_measurement", "table", "result"}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. unit: a base unit, or empty for a count, a flag or text."""

    name: str
    type: FieldType
    help: str
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """One measurement of one system.

    kind: `events` goes to bucket `<system>`, `daily` to `<system>_daily` (kept for ever), `text` to `<system>_text`,
    which only the restricted Grafana's token reads. A daily point keeps exactly the time it is given, its day's
    beginning, so that it replaces what was written of that day before.
    """

    system: str
    name: str
    help: str
    tags: tuple[Label, ...]
    fields: tuple[Field, ...]
    kind: BucketKind = "events"
    unused: str = ""
    _types: Mapping[str, type] = stored(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_types", {field.name: _PYTHON[field.type] for field in self.fields})
        problems: list[str] = []
        if not NAME.match(self.name) or not self.name.startswith(self.system + "_"):
            problems.append(f"a name is snake_case and starts with {self.system}_")
        if not self.help.endswith("."):
            problems.append("help is a sentence with a full stop")
        names = [tag.name for tag in self.all_tags] + [field.name for field in self.fields]
        if len(set(names)) != len(names):
            problems.append(f"a name is used twice among tags and fields: {names}")
        problems.extend(f"{name!r} is reserved or not snake_case" for name in names if not _legal(name))
        if not self.fields:
            problems.append("a point without a field cannot be stored")
        if self.kind != "text" and any(f.type == "str" and f.name.endswith("text") for f in self.fields):
            problems.append("text belongs in a measurement of kind 'text'")
        for problem in problems:
            msg = f"{self.name}: {problem}"
            raise DeclarationError(msg)

    def __repr__(self) -> str:
        return f"Measurement({self.name})"

    @property
    def bucket(self) -> str:
        """The InfluxDB bucket, for example `her_text`."""
        return self.system + _SUFFIX[self.kind]

    @property
    def all_tags(self) -> tuple[Label, ...]:
        """`deployment` and the declared tags."""
        return (DEPLOYMENT, *self.tags)

    def field(self, name: str) -> Field:
        """The declared field of this name. DeclarationError names the legal ones."""
        for known in self.fields:
            if known.name == name:
                return known
        msg = f"{self.name} has no field {name!r} (it has: {', '.join(f.name for f in self.fields)})"
        raise DeclarationError(msg)

    def tag(self, tag: Label) -> str:
        """The tag's name if this measurement carries it."""
        if tag not in self.all_tags:
            msg = f"{self.name} has no tag {tag.name!r} (it has: {', '.join(t.name for t in self.all_tags)})"
            raise DeclarationError(msg)
        return tag.name

    @property
    def types(self) -> Mapping[str, type]:
        """Field -> its type in Python."""
        return self._types

    def check(self, tags: Iterable[str], fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
        """`check_tags`, then `typed`."""
        self.check_tags(tags)
        return self.typed(fields)

    def check_tags(self, tags: Iterable[str]) -> None:
        """DeclarationError for a tag that is not declared: a defect of this program, never of the source."""
        unknown = set(tags) - {tag.name for tag in self.tags}
        if unknown:
            msg = f"{self.name} has no tag {sorted(unknown)}"
            raise DeclarationError(msg)

    def typed(self, fields: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
        """The fields in their declared types (an int becomes a float where a float is declared).

        DeclarationError for an undeclared field or another type: a defect of this program, never of the source.
        """
        types = self._types
        return {
            name: value if type(value) is types.get(name) else self._typed(name, value)
            for name, value in fields.items()
        }

    def _typed(self, name: str, value: FieldValue) -> FieldValue:
        wanted = self.field(name).type
        if wanted == "float" and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        msg = f"{self.name}: field {name} is {wanted}, not {type(value).__name__}"
        raise DeclarationError(msg)


def _legal(name: str) -> bool:
    return bool(NAME.match(name)) and name not in _RESERVED
