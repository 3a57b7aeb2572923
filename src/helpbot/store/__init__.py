"""Keeping it: tables, migrations, and one store for SQLite and PostgreSQL."""
