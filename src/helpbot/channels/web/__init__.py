"""The HTTP API, the widget and the article pages."""
