"""Deliveries that have landed: keys below `raw/`, versions, and the messages that announce them."""
