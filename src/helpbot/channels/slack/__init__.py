"""Slack: people who ask and agents who answer."""
