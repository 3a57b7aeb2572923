"""Where users and agents are: the terminal, the widget, Slack."""
