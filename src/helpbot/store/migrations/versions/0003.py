"""Indexes of what is not delivered: what is looked for every second must not read what arrived long ago."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    waiting = sa.text("state IN ('pending', 'leased')")
    left = sa.text("state <> 'delivered'")
    op.create_index(
        "ix_deliveries_order", "deliveries", ["route", "position"], sqlite_where=waiting, postgresql_where=waiting
    )
    op.create_index("ix_deliveries_left", "deliveries", ["state", "route"], sqlite_where=left, postgresql_where=left)
