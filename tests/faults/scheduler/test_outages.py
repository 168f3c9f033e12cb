"""Each part of Airflow, and its database, is away for five minutes, with the settings that a lake has by default."""

from __future__ import annotations

import pytest
from outage import PARTS, live_through

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(2400)]


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_is_away_for_five_minutes_costs_no_try(lake, rounds, part):
    live_through(lake, next(rounds), part, seconds=300)
