"""One row per order placed in the shop, as last reported by the order service."""

from ledgerlake.contracts.model import Column, Dataset, Rule

ORDERS = Dataset(
    name="orders",
    job="orders_etl",
    doc=__doc__,
    columns=(
        Column("order_num", "bigint", required=True, doc="Number printed for the customer; not unique."),
        Column("order_id", "bigint", required=True, doc="Never reused."),
        Column("user_id", "bigint", required=True, doc="The customer who ordered.", sensitive=True),
        Column("order_timestamp", "timestamp", required=True, doc="When it was placed, UTC."),
        Column("total_amount", "double", required=True, doc="In the shop's currency, tax included."),
        Column("date", "date", required=True, doc="Business day of the order."),
    ),
    key=("order_id",),
    partition_by=("date",),
    gate=True,
    path_columns=("date",),
    rules=(Rule("total_not_negative", "total_amount >= 0", shows=("total_amount",)),),
)
