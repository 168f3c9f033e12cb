"""What GitHub Actions do is what `make` does here; and they may do no more than they must."""

import re
import shutil
import subprocess
from itertools import chain
from pathlib import Path

import pytest
import yaml

from tests.workflows.conftest import ACTION, GITHUB, ROOT

PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
GLUE = ("gh pr comment ", "gh release create ", 'cat dist/synth-diff.md >>"$GITHUB_STEP_SUMMARY"')
"""The only steps that are no target of the Makefile: they talk to GitHub itself."""
MAY_WRITE = {
    ("pull-request.yml", "comment"): {"pull-requests"},
    ("main.yml", "dev"): {"id-token"},
    ("main.yml", "prod"): {"id-token"},
    ("deploy.yml", "deploy"): {"id-token"},
    ("release.yml", "build"): {"id-token", "attestations"},
    ("release.yml", "publish"): {"contents"},
}


def steps(jobs) -> list[dict]:
    return [step for job in jobs.values() for step in job.get("steps", [])]


def runs(jobs) -> list[str]:
    """Every command, with the values of its matrix."""
    found = []
    for job in jobs.values():
        matrix = job.get("strategy", {}).get("matrix", {})
        for step in job.get("steps", []):
            values = [name for name, value in step.get("env", {}).items() if value == "${{ matrix.target }}"]
            command = step.get("run")
            if command and values:
                found += [command.replace(f'"${values[0]}"', target) for target in matrix["target"]]
            elif command:
                found.append(command)
    return found


def targets(jobs) -> set[str]:
    return {command.split()[1] for command in runs(jobs) if command.startswith("make ")}


def made(*names: str) -> str:
    """What `make` would run for these targets."""
    makefile = (ROOT / "Makefile").read_text()
    assert not re.search(r"\$[({]MAKE[)}]|^\t@?[+]", makefile, re.MULTILINE), "make -n runs such a recipe all the same"
    rules = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = {name for name in names if "=" not in name}
    assert named - rules == set(), "the Makefile has no such target"
    done = subprocess.run(["make", "-n", *names], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def folders(commands: str) -> set[str]:
    return set(re.findall(r"\btests/[\w/]+(?<!/)(?=\s|$)", commands))


def lanes() -> list[str]:
    """Return the targets that continuous integration makes, in their order."""
    (names,) = re.findall(r"^for lane in ([a-z -]+); do$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    return names.split()


def whole_module_marks(path: Path) -> str:
    """Return the line that marks all tests of a module; empty when there is none."""
    return "".join(re.findall(r"^pytestmark = .*", path.read_text(), re.MULTILINE))


def test_the_linters_find_nothing(linters):
    assert linters.actionlint(ROOT) == (0, "")
    assert linters.zizmor(ROOT)[0] == 0, linters.zizmor(ROOT)[1]


@pytest.mark.parametrize(
    ("file", "before", "after", "linter", "finding"),
    [
        ("checks.yml", "run: make lint", "run: echo ${{ github.event.pull_request.title }}", "actionlint", "untrusted"),
        ("checks.yml", "run: make lint", "run: echo ${{ github.event.pull_request.title }}", "zizmor", "injection"),
        ("checks.yml", "@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1", "@v7", "zizmor", "unpinned-uses"),
        ("checks.yml", "          persist-credentials: false", "          fetch-depth: 1", "zizmor", "artipacked"),
        ("pull-request.yml", "  pull_request:", "  pull_request_target:", "zizmor", "dangerous-triggers"),
        ("pull-request.yml", "needs: synth-diff", "needs: synth-dif", "actionlint", "synth-dif"),
        ("main.yml", "permissions: {}", "permissions: write-all", "zizmor", "excessive-permissions"),
        ("release.yml", 'cache: "false"', 'cash: "false"', "actionlint", 'input "cash"'),
        ("deploy.yml", "make deploy", "make $TARGET", "actionlint", "SC2086"),
    ],
)
def test_the_linters_find_what_is_broken(tmp_path, linters, file, before, after, linter, finding):
    shutil.copytree(GITHUB, tmp_path / ".github")
    (tmp_path / ".git").mkdir()  # actionlint looks for the repository
    broken = tmp_path / ".github" / "workflows" / file
    text = broken.read_text()
    assert before in text
    broken.write_text(text.replace(before, after))
    code, said = getattr(linters, linter)(tmp_path)
    assert code != 0
    assert finding in said


def test_every_action_is_pinned_to_a_commit_and_says_its_version():
    pins: dict[str, set[str]] = {}
    for path in [ACTION, *sorted((GITHUB / "workflows").glob("*.yml"))]:
        for used, comment in re.findall(r"uses: (\S+)(?: +# (.+))?", path.read_text()):
            if used.startswith("./"):
                assert (ROOT / used).exists(), f"{path.name} uses {used}"
                continue
            assert PINNED.fullmatch(used), f"{path.name} uses {used}, which may change under our feet"
            assert re.fullmatch(r"v\d+\.\d+\.\d+", comment), f"{path.name}: which version is {used}?"
            pins.setdefault(used.partition("@")[0], set()).add(f"{used} {comment}")
    assert len(pins) >= 7
    assert {name: found for name, found in pins.items() if len(found) > 1} == {}


def test_every_step_is_a_target_of_the_makefile(jobs):
    commands = runs(jobs)
    assert len(commands) >= 15
    other = [command for command in commands if not re.match(r"make [a-z-]+( [A-Z]+=\S+)?$", command)]
    assert [command for command in other if not command.startswith(GLUE)] == []
    for target in sorted(targets(jobs)):
        made(target, "TAG=v1.2.3")


def test_a_target_that_does_not_exist_is_found():
    with pytest.raises(AssertionError, match="the Makefile has no such target"):
        made("test-nothing")


def test_the_jobs_run_every_test_that_make_test_and_ci_run(jobs):
    covered = folders(made(*targets(jobs), "TAG=v1.2.3"))
    assert folders(made("test")) - covered == set()
    assert folders(made(*lanes())) - covered == set()


def test_every_folder_of_tests_is_in_a_lane():
    assert lanes()[0] == "test"
    covered = folders(made(*lanes()))
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if "mark.long" not in whole_module_marks(path)]
    names = [str(path.relative_to(ROOT)) for path in files]
    assert len(names) >= 100
    assert [name for name in names if not any(name.startswith(f"{folder}/") for folder in covered)] == []


def test_the_first_lane_is_lint_types_and_units():
    commands = made("test").splitlines()
    first = next(number for number, line in enumerate(commands) if "pytest" in line)
    assert folders(commands[first]) == {"tests/unit", "tests/lambdas"}
    assert any("mypy" in line for line in commands[:first])


def test_every_night_the_long_forms_are_run(workflows, jobs):
    assert "schedule" in workflows["long.yml"]["on"]
    nightly = {place: job for place, job in jobs.items() if place[0] == "long.yml"}
    assert targets(nightly) == {"test-laws", "test-faults", "test-mutants"}


def test_the_jobs_run_every_test_there_is(jobs):
    covered = folders(made(*targets(jobs), "TAG=v1.2.3"))
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")]
    assert [file for file in files if not any(file.startswith(f"{folder}/") for folder in covered)] == []


def test_nothing_may_write_but_what_has_to(workflows, jobs):
    assert {flow["permissions"] == {} for flow in workflows.values()} == {True}
    writes = {
        place: {name for name, value in job["permissions"].items() if value == "write"} for place, job in jobs.items()
    }
    assert {place: names for place, names in writes.items() if names} == MAY_WRITE


def test_no_workflow_has_the_rights_of_the_repository_while_it_runs_the_code_of_a_fork(workflows, jobs):
    triggers = set(chain.from_iterable(flow["on"] for flow in workflows.values()))
    assert triggers == {"pull_request", "push", "workflow_call", "schedule", "workflow_dispatch"}
    comment = jobs["pull-request.yml", "comment"]
    assert [step["uses"].partition("@")[0] for step in comment["steps"] if "uses" in step] == [
        "actions/download-artifact"
    ]
    assert "head.repo.full_name == github.repository" in comment["if"]


def test_every_job_has_an_end_and_no_deployment_is_cut_off(workflows, jobs):
    assert [place for place, job in jobs.items() if "steps" in job and "timeout-minutes" not in job] == []
    assert [file for file, flow in workflows.items() if "concurrency" not in flow] == []
    for file in ("main.yml", "deploy.yml", "release.yml"):
        assert workflows[file]["concurrency"]["cancel-in-progress"] is False


def test_prod_follows_dev_which_follows_the_checks(jobs):
    assert jobs["main.yml", "prod"]["needs"] == "dev"
    assert jobs["main.yml", "dev"]["needs"] == "checks"
    deployed = [step["run"] for step in jobs["deploy.yml", "deploy"]["steps"] if "run" in step]
    assert deployed == ["make deploy", "make smoke-test"]


def test_the_role_is_a_variable_of_the_environment_and_there_is_no_key(jobs):
    assert jobs["deploy.yml", "deploy"]["environment"] == "${{ inputs.environment }}"
    texts = "".join(path.read_text() for path in GITHUB.rglob("*.yml"))
    assert "secrets." not in texts
    assert not re.search(r"aws-(secret-)?access-key|arn:aws|\b\d{12}\b", texts)


def test_nothing_that_is_released_or_deployed_comes_from_a_cache(jobs):
    for place in [("deploy.yml", "deploy"), ("release.yml", "build")]:
        (setup,) = [step for step in jobs[place]["steps"] if step.get("uses") == "./.github/actions/setup"]
        assert setup["with"] == {"cache": "false"}
    said = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    (cache,) = [step for step in said if step["uses"].startswith("actions/cache@")]
    assert cache["if"] == "inputs.cache == 'true'"


def test_dependabot_looks_after_the_actions_and_every_requirement():
    updates = yaml.safe_load((GITHUB / "dependabot.yml").read_text())["updates"]
    places = {(each["package-ecosystem"], place) for each in updates for place in _directories(each)}
    assert places == {
        ("github-actions", "/"),
        *(("github-actions", f"/{path.parent.relative_to(ROOT)}") for path in GITHUB.rglob("action.yml")),
        *(("pip", f"/{Path(folder).relative_to(ROOT)}") for folder in {path.parent for path in ROOT.glob("*/*.in")}),
    }


def _directories(update: dict) -> list[str]:
    return update.get("directories") or [update["directory"]]
