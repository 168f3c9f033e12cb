"""What a run used and cost. Nothing that loads rows imports it."""
