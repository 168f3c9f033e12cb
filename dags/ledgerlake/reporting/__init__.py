"""Notifications, metrics and check failures of a run."""
