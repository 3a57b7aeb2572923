"""Conversations, cases and deliveries in SQLite or PostgreSQL."""
