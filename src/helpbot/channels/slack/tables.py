"""What Slack needs kept beside the desk's tables: the inbox, the places, what was sent, small things by name.

They live in the same database, written by the same writer, and are made when they are missing.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

__all__ = ["inbox", "kept", "marks", "metadata", "places", "schema", "sent"]

metadata = MetaData()

# What Slack sent, committed before Slack is answered. `key` is unique: the same thing twice is one row.
# A row that was dealt with keeps its key and loses its payload, so that no user's words stay here.
inbox = Table(
    "slack_inbox",
    metadata,
    Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, unique=True),
    Column("lane", Text, nullable=False),  # rows of one lane are dealt with one after the other
    Column("kind", Text, nullable=False),
    Column("payload", Text, nullable=False),  # JSON
    Column("state", Text, nullable=False),  # new | leased | done | dead
    Column("attempts", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("lease", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
)
_OPEN: Final = text("state IN ('new', 'leased')")
Index("ix_slack_inbox_open", inbox.c.lane, inbox.c.id, sqlite_where=_OPEN, postgresql_where=_OPEN)
Index("ix_slack_inbox_received", inbox.c.received_at)

# Threads that mean something to us: a user's conversation, or a case's thread among the agents.
places = Table(
    "slack_places",
    metadata,
    Column("key", Text, primary_key=True),  # team:channel:ts of the thread's root
    Column("kind", Text, nullable=False),  # user | case
    Column("thread", Text, nullable=False),  # user: what the desk knows the conversation's place by
    Column("who", Text, nullable=False),  # user: who asked
    Column("case_id", Text, nullable=False),
    Column("conversation", Text, nullable=False),
    Column("wanted", BigInteger, nullable=False),  # case: how often the root message was to be drawn anew
    Column("drawn", BigInteger, nullable=False),  # the `wanted` that it shows
    Column("next_at", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index("ix_slack_places_case", places.c.case_id)

# Which message of an agent in Slack a message to a user came from, so that it can say what became of it.
marks = Table(
    "slack_marks",
    metadata,
    Column("message", Text, primary_key=True),  # conversation.seq
    Column("team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("ts", Text, nullable=False),
    Column("root", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("state", Text, nullable=False),  # sent | delivered | read | failed: what became of it
    Column("shown", Text, nullable=False),  # the state that Slack shows
    Column("reason", Text, nullable=False),
    Column("delivery", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index("ix_slack_marks_at", marks.c.at)

# Each post of a delivery: begun before Slack is called, with its ts afterwards. After a crash in between, Slack is
# asked whether it has the post.
sent = Table(
    "slack_sent",
    metadata,
    Column("delivery", Text, primary_key=True),
    Column("part", Text, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("ts", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)
Index("ix_slack_sent_at", sent.c.at)

# Installations, OAuth states, channels' notice modes, threads that were spoken up in, files of messages.
kept = Table(
    "slack_kept",
    metadata,
    Column("space", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)


def schema(*, postgres: bool) -> list[str]:
    """The statements that make what is missing."""
    dialect: Any = postgresql.dialect() if postgres else sqlite.dialect()  # type: ignore[no-untyped-call]  # untyped there
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)))
        statements += [
            str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect))
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
    return statements
