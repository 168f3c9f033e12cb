"""An error is one line: what was seen, what was expected, what to do."""

import pickle

import pytest

from ledgerlake import errors
from ledgerlake.errors import BatchNotFound, LedgerlakeError

EVERY = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, LedgerlakeError)]


def test_an_error_says_what_was_seen_what_was_expected_and_how_to_go_on():
    error = LedgerlakeError("the lake is dry", expected="water", remedy="ledgerlake up")

    assert str(error) == "the lake is dry; expected water; next step: ledgerlake up"


def test_what_is_not_known_is_left_out():
    assert str(LedgerlakeError("the lake is dry")) == "the lake is dry"
    assert str(LedgerlakeError("the lake is dry", remedy="wait")) == "the lake is dry; next step: wait"
    assert str(LedgerlakeError("the lake is dry", expected="water")) == "the lake is dry; expected water"


def test_an_error_is_one_line_whatever_it_quotes():
    error = LedgerlakeError("a value of\r\n two lines", expected="one\nline", remedy="\tfix\n it ")

    assert str(error) == "a value of two lines; expected one line; next step: fix it"


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_survives_the_way_from_a_worker_process(kind):
    error = pickle.loads(pickle.dumps(kind("seen", expected="this", remedy="do that")))

    assert type(error) is kind
    assert str(error) == "seen; expected this; next step: do that"


def test_the_parts_of_an_error_can_be_read_apart():
    error = BatchNotFound("no manifest", expected="a batch", remedy="list them")

    assert (error.seen, error.expected, error.remedy) == ("no manifest", "a batch", "list them")
