"""One row per product of the shop's assortment, as last reported by the catalogue service."""

from ledgerlake.contracts.model import Column, Dataset

PRODUCTS = Dataset(
    name="products",
    job="product_etl",
    doc=__doc__,
    columns=(
        Column("product_id", "bigint", required=True, doc="Never reused."),
        Column("department_id", "bigint", required=True, doc="The department that sells it today."),
        Column("department", "string", required=True, doc="Name of the department."),
        Column("product_name", "string", required=True, doc="As printed on the receipt."),
    ),
    key=("product_id",),
    partition_by=("department_id",),
    gate=True,
    path_columns=("department_id",),
)
