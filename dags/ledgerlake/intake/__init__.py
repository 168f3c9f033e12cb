"""What has landed: keys below `raw/`, deliveries, and the messages that announce them."""
