"""A help bot that answers from your articles and hands people a complete case."""

__version__ = "0.1.0"
