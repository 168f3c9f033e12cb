"""MiniStack, with executors that do what it only pretends to: Glue jobs, crawls, queries, executions, Lambda errors."""
