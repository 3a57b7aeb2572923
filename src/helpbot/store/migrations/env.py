"""How Alembic runs here: on the connection it is given, all of it in one transaction."""

from __future__ import annotations

from alembic import context

from helpbot.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, transactional_ddl=True, transaction_per_migration=False
)
context.run_migrations()
