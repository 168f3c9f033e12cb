"""The assortment of the sample shop: departments, products, prices."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

DEPARTMENTS: dict[str, tuple[tuple[str, ...], tuple[int, int]]] = {
    "Produce": (("Apples", "Bananas", "Tomatoes", "Carrots", "Lemons", "Spinach", "Avocado"), (79, 499)),
    "Dairy": (("Whole Milk", "Butter", "Yoghurt", "Cheddar", "Cream", "Mozzarella"), (69, 699)),
    "Bakery": (("Sourdough", "Rye Bread", "Croissants", "Bagels", "Baguette"), (99, 549)),
    "Pantry": (("Spaghetti", "Rice", "Olive Oil", "Flour", "Honey", "Lentils", "Oats"), (89, 1299)),
    "Drinks": (("Orange Juice", "Sparkling Water", "Cold Brew", "Green Tea", "Lemonade"), (59, 899)),
    "Household": (("Dish Soap", "Paper Towels", "Sponges", "Candles", "Laundry Liquid"), (149, 1999)),
    "Books": (("Cookbook", "Field Guide", "Crime Novel", "Atlas", "Poems"), (799, 4999)),
    "Garden": (("Herb Seeds", "Potting Soil", "Watering Can", "Gloves"), (199, 3999)),
}
_KINDS = ("Organic", "Classic", "Family", "Premium", "Everyday", "Regional", "Small", "Large", "Fair Trade", "Summer")
_FOOD_SIZES = ("", ", pack of 2", ", pack of 6", ", 250 g", ", 500 g", ", 1 kg")
_OTHER_SIZES = ("", ", pack of 2", ", set of 3", ", gift box")
_NOT_FOOD = {"Household", "Books", "Garden"}


@dataclass(frozen=True, slots=True)
class Product:
    """One product; `cents` is its price, which the shop keeps to itself."""

    product_id: int
    department_id: int
    department: str
    name: str
    cents: int

    def row(self) -> list[str]:
        """As `products.csv` has it."""
        return [str(self.product_id), str(self.department_id), self.department, self.name]


def assortment(count: int, rng: Random) -> list[Product]:
    """`count` products, numbered from 1, over all departments."""
    return [_product(number, rng) for number in range(1, count + 1)]


def _product(number: int, rng: Random) -> Product:
    department_id = 1 + (number - 1) % len(DEPARTMENTS)
    department, (nouns, (low, high)) = list(DEPARTMENTS.items())[department_id - 1]
    sizes = _OTHER_SIZES if department in _NOT_FOOD else _FOOD_SIZES
    name = f"{rng.choice(_KINDS)} {rng.choice(nouns)}{rng.choice(sizes)}"
    cents = round(low * (high / low) ** rng.random()) // 10 * 10 + 9
    return Product(number, department_id, department, name, cents)
