"""The infrastructure of Ledgerlake: stacks, release, deployment and review."""
