"""A shop that takes orders: weekly rhythm, daily curve, customers who come back and buy again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate
from random import Random

from cli.sample.assortment import Product, assortment

_WEEK = (0.94, 0.88, 0.90, 0.95, 1.06, 1.21, 1.06)
_HOURS = tuple(accumulate((1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 12, 10, 9, 9, 10, 13, 16, 17, 14, 9, 5, 2)))
_LINES = tuple(accumulate((14, 18, 18, 15, 12, 9, 6, 4, 2, 2)))
_EPOCH = date(2020, 1, 1)


@dataclass(slots=True)
class Order:
    """One order. `cents` is its total; `days_since_prior` is None for a customer's first.

    `lines` are (id, product_id, position in the cart, reordered as 0 or 1).
    """

    num: int
    order_id: int
    user_id: int
    timestamp: str
    date: str
    cents: int
    days_since_prior: int | None
    lines: list[tuple[int, int, int, int]]


@dataclass(slots=True)
class Customer:
    """When a customer ordered last (day number; None for never), and what so far."""

    last: int | None
    bought: list[int] = field(default_factory=list)


class Shop:
    """Everything follows from `seed`; call `day` with rising dates."""

    def __init__(self, *, seed: int, products: int, orders_per_day: int) -> None:
        self._rng = Random(f"shop {seed}")  # noqa: S311 - a sample, no secret
        self._orders_per_day = orders_per_day
        self._customers: dict[int, Customer] = {}
        self._pool = max(20, orders_per_day * 12)
        self.products: list[Product] = assortment(products, self._rng)
        self._by_demand = self._rng.sample(range(products), products)

    def day(self, day: date) -> Iterator[Order]:
        """Yield the orders of one day, as they came in; ids carry the day, so samples of other days extend the shop."""
        number = (day - _EPOCH).days
        rng = self._rng
        count = max(1, round(self._orders_per_day * _WEEK[day.weekday()] * rng.uniform(0.95, 1.05)))
        hours = rng.choices(range(24), cum_weights=_HOURS, k=count)
        times = sorted(hour * 3600 + int(rng.random() * 3600) for hour in hours)
        sizes = rng.choices(range(1, len(_LINES) + 1), cum_weights=_LINES, k=count)
        item_id = number * 10_000_000
        text = day.isoformat()
        for index, (time, size) in enumerate(zip(times, sizes, strict=True), start=1):
            user_id = 1 + int(self._pool * rng.random() ** 1.5)
            customer = self._customers.get(user_id) or self._welcome(user_id, number)
            since = None if customer.last is None else number - customer.last
            lines, cents = self._fill_cart(customer, size, item_id)
            item_id += len(lines)
            customer.last = number
            stamp = f"{text}T{time // 3600:02}:{time // 60 % 60:02}:{time % 60:02}"
            yield Order(index, number * 1_000_000 + index, user_id, stamp, text, cents, since, lines)

    def _welcome(self, user_id: int, number: int) -> Customer:
        """More than half of the customers had ordered before the sample begins."""
        rng = self._rng
        customer = Customer(None)
        if rng.random() < 0.6:
            customer.last = number - 1 - int(28 * rng.random() ** 2)
            customer.bought = [self._pick() for _ in range(4)]
        self._customers[user_id] = customer
        return customer

    def _pick(self) -> int:
        """Return the index of a product; few are bought often, most seldom."""
        return self._by_demand[int(len(self._by_demand) * self._rng.random() ** 2)]

    def _fill_cart(self, customer: Customer, size: int, item_id: int) -> tuple[list[tuple[int, int, int, int]], int]:
        rng, bought, products = self._rng.random, customer.bought, self.products
        cart: dict[int, int] = {}
        for _ in range(size):
            again = bought and rng() < 0.45
            index = bought[int(len(bought) * rng())] if again else self._pick()
            if index not in cart:
                cart[index] = int(index in bought)
        lines, cents = [], 0
        for position, (index, reordered) in enumerate(cart.items(), start=1):
            product = products[index]
            lines.append((item_id + position, product.product_id, position, reordered))
            cents += product.cents
            if not reordered:
                bought.append(index)
        return lines, cents
