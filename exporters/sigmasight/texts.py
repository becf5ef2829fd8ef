"""Everything of SigmaSight that the restricted Grafana reads as text where it is, by the database it is in."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from exporters.core.sql import TextRows
from exporters.sigmasight.grants import Half
from exporters.sigmasight.texts_chats import CONVERSATION_ROWS, FOUND_ROWS, MESSAGE_ROWS
from exporters.sigmasight.texts_learning import DOCUMENT_ROWS, REMEMBERED_ROWS
from exporters.sigmasight.texts_people import STEP_ROWS, USER_ROWS
from exporters.sigmasight.texts_tuning import ANNOTATION_ROWS, RATING_ROWS

BY_HALF: Final[Mapping[Half, tuple[TextRows, ...]]] = MappingProxyType(
    {
        "core": (USER_ROWS, STEP_ROWS, CONVERSATION_ROWS, MESSAGE_ROWS, FOUND_ROWS),
        "ai": (ANNOTATION_ROWS, RATING_ROWS, DOCUMENT_ROWS, REMEMBERED_ROWS),
    }
)

TEXT_ROWS: Final[tuple[TextRows, ...]] = (*BY_HALF["core"], *BY_HALF["ai"])
