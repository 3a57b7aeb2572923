"""Receive a turn in one transaction, keep it, deliver what follows."""
