"""The databases of SigmaSight's own tests."""

from __future__ import annotations

from tests.sigmasight.conftest import databases, house, one_database, sigmasight_postgres

__all__ = ["databases", "house", "one_database", "sigmasight_postgres"]
