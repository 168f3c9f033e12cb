"""Deliveries in the shop's three schemas, short enough to be read in a test."""

PRODUCTS = "product_id,department_id,department,product_name\n"
ORDERS = "order_num,order_id,user_id,order_timestamp,total_amount,date\n"
ITEMS = "id,order_id,user_id,days_since_prior_order,product_id,add_to_cart_order,reordered,order_timestamp,date\n"


def products(*rows: str) -> str:
    return PRODUCTS + "".join(f"{row}\n" for row in rows)


def orders(*rows: str) -> str:
    return ORDERS + "".join(f"{row}\n" for row in rows)


def items(*rows: str) -> str:
    return ITEMS + "".join(f"{row}\n" for row in rows)


def product(number: int, department: int = 1, name: str = "Lamp") -> str:
    return f"{number},{department},Home,{name}"


def order(number: int, total: float | str = 10.0, day: str = "2025-04-01") -> str:
    return f"7,{number},500,{day}T08:00:00,{total},{day}"


def item(number: int, order: int, product: int = 1, day: str = "2025-04-01") -> str:
    return f"{number},{order},500,3,{product},1,0,{day}T08:00:00,{day}"
