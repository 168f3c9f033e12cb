"""The data plane: everything that deliveries pass through, and the tables."""
