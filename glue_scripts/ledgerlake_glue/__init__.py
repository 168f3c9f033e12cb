"""The Spark library of the Glue jobs: from a batch's files to a Delta table, rejects, parking and ledger."""
