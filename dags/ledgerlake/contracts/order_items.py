"""One row per line of an order: which product, in which position of the cart."""

from ledgerlake.contracts.model import Column, Dataset, Reference, Rule

ORDER_ITEMS = Dataset(
    name="order_items",
    job="order_items_etl",
    doc=__doc__,
    columns=(
        Column("id", "bigint", required=True, doc="Never reused."),
        Column("order_id", "bigint", required=True, doc="The order it is a line of."),
        Column("user_id", "bigint", required=True, doc="The customer who ordered.", sensitive=True),
        Column("days_since_prior_order", "int", doc="Whole days; NULL for a customer's first order."),
        Column("product_id", "bigint", required=True, doc="The product that was ordered."),
        Column("add_to_cart_order", "int", required=True, doc="Position in the cart, from 1."),
        Column("reordered", "boolean", required=True, doc="The customer has ordered the product before."),
        Column("order_timestamp", "timestamp", required=True, doc="When the order was placed, UTC."),
        Column("date", "date", required=True, doc="Business day of the order."),
    ),
    key=("id",),
    partition_by=("date",),
    gate=True,
    path_columns=("date",),
    references=(Reference("order_id", "orders"), Reference("product_id", "products")),
    null_words=("null", "n/a", "nan", "none"),  # as the tools write them that export this dataset
    rules=(
        Rule(
            "days_not_negative",
            "days_since_prior_order is null or days_since_prior_order >= 0",
            shows=("days_since_prior_order",),
        ),
        Rule("cart_position_from_one", "add_to_cart_order >= 1", shows=("add_to_cart_order",)),
    ),
)
