"""The security gate: what `make security` looks at, and what it has been told to accept, with reasons."""
