"""Glue job `orders_etl`: the deliveries of `orders` in one batch, into the table `ecommerce_dwh.orders`.

    --batch_id     the batch whose manifest says what to process
    --lake_bucket  the lake; a default argument of the job

Every row ends in the ledger. The job may be started again for the same batch at any time.
"""

from ledgerlake.contracts.orders import ORDERS
from ledgerlake_glue.job import main

if __name__ == "__main__":
    main(ORDERS)
