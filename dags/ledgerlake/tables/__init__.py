"""The tables of the lake: their columns, their checks, and the ledger."""
