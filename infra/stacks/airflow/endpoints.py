"""The services to which Airflow's network has a door: what MWAA itself needs, and what the DAGs call."""

from __future__ import annotations

FOR_MWAA = ("airflow.api", "airflow.env", "ecr.api", "ecr.dkr", "kms", "logs", "monitoring", "sqs")
"""As MWAA's user guide lists them for a network without a way to the internet (S3 has a gateway of its own)."""
FOR_DAGS = ("athena", "glue", "lambda", "sns", "states")


def service_name(service: str, region: str) -> str:
    """Return the name of the service's VPC endpoint in the region."""
    return f"com.amazonaws.{region}.{service}"
