"""Airflow on this machine: its processes, its settings, its database."""
