"""The store's database, of both kinds, for what is done with models in it."""

from __future__ import annotations

from tests.store.conftest import (  # noqa: F401 - fixtures
    database,
    database_url,
    postgres_template,
    sqlite_template,
)
