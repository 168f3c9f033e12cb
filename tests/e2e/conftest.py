"""The lake of the end-to-end tests, and the days that they all know."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "faults"))
from shop import ITEMS, ORDERS
from whole_lake import APRIL, at_rest, at_work, kill_aws, whole_lake  # noqa: F401


@pytest.fixture(scope="session")
def april(lake):
    """The month is delivered and waited for."""
    if not APRIL.exists():
        pytest.skip("the deliveries of April 2025 are not beside the repository")
    lake.do("deliver", "products", APRIL / "products.csv")
    lake.do("deliver", "orders", *sorted((APRIL / "orders").glob("*.csv")))
    lake.do("deliver", "order_items", *sorted((APRIL / "order_items").glob("*.csv")))
    lake.do("wait", "--timeout", "500")
    return lake


@pytest.fixture(scope="session")
def defective_day(april):
    """The day after April's fifteenth, with everything that can be wrong with a row; and the local AWS is killed."""
    staged = set(april.keys("staging/"))
    day = "2025-04-16"
    at = f"{day}T08:00:00"
    april.put(
        {
            f"orders/{day}.csv": ORDERS + f"1,90001,5,{at},10,{day}\n"  # superseded by row 7
            f"1,,5,{at},10,{day}\n"  # a null key
            f"1,90003,5,{at},ten,{day}\n"  # text in a number
            f"1,90004,5,2025-02-30T25:61:00,10,{day}\n"  # an impossible timestamp
            f"1,90005,5,{at},-5,{day}\n"  # a negative total
            f"1,90001,5,{at},10,{day}\n"  # a duplicate
            f"1,90001,5,{at},12,{day}\n"  # the newest version
            f"1,90006,5,{at},10\n"  # too short
            f"1,90007,5,{at},10,{day},x\n"  # too long
            f"90,10000,1990,{at},1,{day}\n"  # corrects an order of the first, and its date
            f"1,90002,5,{at},6,{day}\n",  # superseded by the other file
            f"orders/{day}b.csv": ORDERS + f"1,90002,5,{at},7,{day}\n",
            f"order_items/{day}.csv": ITEMS + f"900001,90001,5,3,1,1,0,{at},{day}\n"
            f"900002,99999,5,3,1,1,0,{at},{day}\n"  # its order has not come
            f"900003,90001,5,3,999999,1,0,{at},{day}\n"  # its product has not come
            f",90001,5,3,1,-1,maybe,{at},{day}\n",
        }
    )
    at_work(april, "orders", staged)
    kill_aws(april)
    april.do("up")
    at_rest(april)
    april.do("wait", "--timeout", "400")
    return april
