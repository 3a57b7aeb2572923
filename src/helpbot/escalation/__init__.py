"""The case: what an unresolved question becomes, who is told of it, and what they read."""
