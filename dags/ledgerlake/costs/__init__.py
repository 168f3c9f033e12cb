"""Usage and cost of a run. No module that loads rows imports it."""
