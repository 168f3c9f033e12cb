"""The command `ledgerlake`."""
