"""From `raw/` to `archived/`: the move, and the copy that is verified first."""
