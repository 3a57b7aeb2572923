"""From a message to a diagnosis."""
