"""Infrastructure: stacks, state machine, release, deployer and review."""
