"""The stacks in a rented account: what `local` is for one machine."""
