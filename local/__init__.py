"""A whole lake on one machine: a local AWS, Postgres and Airflow, with the template and artefacts of a deployment."""
