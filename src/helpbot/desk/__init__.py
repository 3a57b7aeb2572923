"""Receive a turn in one transaction, answer it from the record when it comes again, and deliver what it said."""
