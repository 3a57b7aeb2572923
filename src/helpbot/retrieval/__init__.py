"""Find the chunks and articles that a text is about."""
