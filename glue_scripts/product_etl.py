"""Glue job `product_etl`: the deliveries of `products` in one batch, into the table `ecommerce_dwh.products`.

    --batch_id     the batch whose manifest says what to process
    --lake_bucket  the lake; a default argument of the job

Every row ends in the ledger. The job may be started again for the same batch at any time.
"""

from ledgerlake.contracts.products import PRODUCTS
from ledgerlake_glue.job import main

if __name__ == "__main__":
    main(PRODUCTS)
