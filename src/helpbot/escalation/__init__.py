"""The case that a person takes over: its fields, its way, its brief."""
