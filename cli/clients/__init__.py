"""Clients of the lake, Airflow, Athena, Step Functions and the queues."""
