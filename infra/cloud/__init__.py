"""The stacks in a rented account: what `infra/local` is for one machine."""
