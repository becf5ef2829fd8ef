"""SigmaSight's tables, made: in two databases, or all in one, as the back end allows when `AI_DATABASE_URL` is unset.

create(core_connection, "core"); create(ai_connection, "ai"); or both with the same connection.
"""

from typing import Any, Final, Literal, LiteralString

import psycopg

from exporters.sigmasight import schema_ai, schema_core

Half = Literal["core", "ai"]

_BOOKKEEPING: Final[LiteralString] = """\
CREATE TABLE IF NOT EXISTS alembic_version (
    version_num varchar(32) CONSTRAINT alembic_version_pkc PRIMARY KEY
)
"""


def create(connection: psycopg.Connection[Any], half: Half) -> None:
    """Make one half's tables and commit; in one database the two chains of migrations share `alembic_version`."""
    module = schema_core if half == "core" else schema_ai
    with connection.transaction():
        connection.execute(module.TABLES)
        connection.execute(_BOOKKEEPING)
        connection.execute("INSERT INTO alembic_version (version_num) VALUES (%s)", (module.REVISION,))


def exists(connection: psycopg.Connection[Any], half: Half) -> bool:
    """Whether that half's tables are there."""
    name = "ai_request_metrics" if half == "core" else "ai_feedback"
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"public.{name}",)).fetchone()
    return bool(found and found[0])
