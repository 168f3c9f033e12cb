"""Runs of both orchestrators: active executions and jobs, and the outcome of a run."""
