"""The tables, declared once for both engines. Migrations are tested to end at exactly these.

Moments are whole microseconds since 1970 in UTC: they sort, compare and index alike on every engine. What only the
program reads is JSON in text.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

__all__ = [
    "APPLICATION_ID",
    "REVISION",
    "REVISIONS",
    "cases",
    "conversations",
    "counters",
    "deliveries",
    "feedback",
    "kept",
    "mails",
    "messages",
    "metadata",
    "ratings",
    "routes",
    "seen",
    "tokens",
    "tombstones",
]

APPLICATION_ID: Final = 0x48_42_4F_54  # "HBOT", in the header of every SQLite file of ours
REVISIONS: Final = ("0001", "0002", "0003")  # oldest first; the last is what this program works with
REVISION: Final = REVISIONS[-1]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("thread", Text, nullable=False),
    Column("person_id", Text, nullable=False),
    Column("person", Text, nullable=False),  # JSON
    Column("phase", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("state", Text, nullable=False),  # JSON of dialogue.codec
    Column("version", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("touched_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    UniqueConstraint("channel", "thread"),
)
Index(
    "ix_conversations_due_at",
    conversations.c.due_at,
    sqlite_where=conversations.c.due_at.is_not(None),
    postgresql_where=conversations.c.due_at.is_not(None),
)
Index("ix_conversations_person_id", conversations.c.person_id)

messages = Table(
    "messages",
    metadata,
    Column("conversation", Text, ForeignKey("conversations.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("author", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reply", Text),  # JSON
    Column("at", BigInteger, nullable=False),
    # Internal unless the writer says otherwise: a note must never reach a user because somebody forgot a word.
    Column("visibility", Text, nullable=False, server_default="internal"),
    Column("attachments", Text, nullable=False, server_default="[]"),  # JSON
    Column("key", Text, nullable=False),
)

seen = Table(
    "seen",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

tokens = Table(
    "tokens",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of a token; the token itself is nowhere
    Column("conversation", Text, ForeignKey("conversations.id"), nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

cases = Table(
    "cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("conversation", Text, ForeignKey("conversations.id"), nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("psa", Text, nullable=False),
    Column("person_id", Text, nullable=False, index=True),
    Column("product_name", Text, nullable=False),
    Column("error_message", Text, nullable=False),
    Column("data", Text, nullable=False),  # JSON, whole
    Column("opened_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
)
Index(
    "uq_cases_open",
    cases.c.conversation,
    unique=True,
    sqlite_where=text("state <> 'resolved'"),
    postgresql_where=text("state <> 'resolved'"),
)
Index("ix_cases_opened_at", cases.c.opened_at)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("position", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("case_id", Text),
    Column("seq", BigInteger),
    Column("payload", Text, nullable=False),  # JSON
    Column("state", Text, nullable=False),
    Column("attempts", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("delivered_at", BigInteger),
    Column("receipt", Text, nullable=False),  # JSON
    Column("lease", Text, nullable=False),
    Column("lease_until", BigInteger),
    Column("fell_back", Boolean, nullable=False, server_default=text("false")),
    sqlite_autoincrement=True,
)
_WAITING = text("state IN ('pending', 'leased')")
Index(
    "ix_deliveries_waiting",
    deliveries.c.route,
    deliveries.c.conversation,
    deliveries.c.position,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
Index(
    "ix_deliveries_next",
    deliveries.c.route,
    deliveries.c.next_at,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
# revision 0003: what is looked for every second must not read what arrived long ago
Index(
    "ix_deliveries_order",
    deliveries.c.route,
    deliveries.c.position,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
_LEFT = text("state <> 'delivered'")
Index("ix_deliveries_left", deliveries.c.state, deliveries.c.route, sqlite_where=_LEFT, postgresql_where=_LEFT)
Index("ix_deliveries_case_id", deliveries.c.case_id, deliveries.c.route)
Index("ix_deliveries_conversation", deliveries.c.conversation)

routes = Table(
    "routes",
    metadata,
    Column("name", Text, primary_key=True),
    Column("failing_since", BigInteger),
    Column("failures", BigInteger, nullable=False),
    Column("next_probe", BigInteger),
    Column("disabled", Text, nullable=False),
    Column("last_success", BigInteger),
    Column("last_failed", Text, nullable=False),
)

mails = Table(
    "mails",
    metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("address", Text, nullable=False),  # SHA-256: it is only counted
    Column("at", BigInteger, nullable=False),
)
Index("ix_mails_address", mails.c.address, mails.c.at)

tombstones = Table(
    "tombstones",
    metadata,
    Column("conversation", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

kept = Table(
    "kept",
    metadata,
    Column("space", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# revision 0002

ratings = Table(
    "ratings",
    metadata,
    Column("conversation", Text, ForeignKey("conversations.id"), primary_key=True),
    Column("stars", SmallInteger),
    Column("solved", Boolean),
    Column("comment", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    Column("conversation", Text, ForeignKey("conversations.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("up", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
)
