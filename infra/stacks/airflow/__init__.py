"""Airflow on MWAA: network, key, role and environment."""
