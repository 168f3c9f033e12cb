"""A real Trino beside the local AWS: what Athena is made of, and so the judge of what Athena would answer."""
