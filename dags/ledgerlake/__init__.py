"""The kernel of Ledgerlake: what a delivery is, what a row must be, and what became of it.

Imported by DAGs, Glue jobs, Lambdas, infrastructure and the command line alike; so it needs the
standard library only (boto3 where it talks to S3), and nothing else of the project.
"""

__version__ = "0.1.0"
