"""What the commands talk to: the lake, Airflow, Athena, Step Functions, queues."""
