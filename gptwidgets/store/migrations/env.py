"""What Alembic runs: on the connection, and within the transaction, that it is handed (see migrating.py)."""

from __future__ import annotations

from alembic import context

from gptwidgets.store import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    transactional_ddl=True,  # SQLite's is, too, now that Python's sqlite3 does not meddle with transactions
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
