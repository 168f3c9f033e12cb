"""The security gate: what `make security` looks at, and what it accepts, with reasons."""
