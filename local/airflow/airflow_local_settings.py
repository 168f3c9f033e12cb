"""Imported by every component at its start: what tasks import is there before they are forked."""

import contextlib

for name in ("glue", "sqs", "sns", "athena", "lambda_function", "glue_crawler", "s3"):
    for kind in ("operators", "sensors", "hooks", "triggers"):
        with contextlib.suppress(ImportError):
            __import__(f"airflow.providers.amazon.aws.{kind}.{name}")
for module in ("boto3", "airflow.providers.standard.decorators.python", "airflow.timetables.interval"):
    with contextlib.suppress(ImportError):
        __import__(module)
