"""What each job begins with, in a folder that nobody needs: a session, a Delta table, a look at it.

Runs in the environment of the Glue jobs, where nothing of this project is installed.
"""

import sys

from delta.tables import DeltaTable
from pyspark.sql import SparkSession


def main(folder: str) -> None:
    """Merge a few rows, so that the JVM has loaded the classes of a job."""
    spark = SparkSession.builder.getOrCreate()
    table = DeltaTable.createIfNotExists(spark).location(f"file://{folder}")
    table.addColumn("id", "bigint").addColumn("day", "date").partitionedBy("day").execute()
    spark.read.format("delta").load(f"file://{folder}").isEmpty()
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1])
