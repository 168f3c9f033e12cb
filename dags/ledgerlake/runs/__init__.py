"""Runs, as both orchestrators see them: who is at work on the lake, and how a run has ended."""
