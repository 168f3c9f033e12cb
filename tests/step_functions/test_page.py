"""The page shows the state machine that is deployed."""

import json
import re
from copy import deepcopy

import pytest

from infra.state_machine import diagram
from infra.synth import DEFINITION, PAGE
from tests.step_functions.test_definition import states

TEXT, ASL = PAGE.read_text(), json.loads(DEFINITION.read_text())


def test_the_picture_and_the_table_are_those_of_the_definition():
    assert diagram.page(TEXT, DEFINITION.read_text()) == TEXT, "run make synth"


def test_every_state_is_in_the_picture():
    drawn = set(re.findall(r"[A-Za-z]\w+", diagram.diagram(ASL)))
    assert set(states()) <= drawn


def test_a_way_that_is_added_is_drawn():
    changed = deepcopy(ASL)
    changed["States"]["NotifyRun"]["Next"] = "Done"
    assert "NotifyRun --> Done" in diagram.diagram(changed)
    assert diagram.page(TEXT, json.dumps(changed)) != TEXT


def test_a_condition_without_words_is_refused():
    changed = deepcopy(ASL)
    changed["States"]["AnythingToDo"]["Choices"][0]["Condition"] = "{% $moon %}"
    with pytest.raises(ValueError, match=r"no words for the condition .*\$moon"):
        diagram.diagram(changed)


@pytest.mark.parametrize("given", re.findall(r"^\| `(\{.*?\})` \|", TEXT, re.MULTILINE))
def test_the_forms_of_input_that_the_page_shows_are_taken_as_it_says(run, given):
    done = run(json.loads(given))
    planned = "PlanDates" if "from" in json.loads(given) else "PlanBatch"
    assert done.states[0] == planned
    assert done.status == "SUCCEEDED"


def test_the_times_that_the_page_names_are_those_of_the_definition():
    assert ASL["TimeoutSeconds"] == 6 * 3600
    assert "six hours" in TEXT
