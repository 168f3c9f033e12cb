"""Processes that are measured: their laps, and how they alternate."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.measuring import Failed, Running, interleaved, measure

pytestmark = pytest.mark.slow

WORKER = """
import json, sys, time
from benchmarks.timings import end_lap
name, laps, diary, last = sys.argv[1:]
for lap in range(int(laps)):
    with open(diary, "a") as file:
        file.write(name)
    time.sleep(0.3)
    end_lap()
    if last == str(lap):
        sys.exit("no more")
print(json.dumps({"name": name}))
"""
ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join(str(ROOT / each) for each in (".", "dags"))}


def argv(name: str, laps: int, diary: Path, last: str = "") -> list[str]:
    return [sys.executable, "-c", WORKER, name, str(laps), str(diary), last]


def test_two_processes_take_turns_lap_by_lap(tmp_path):
    diary = tmp_path / "diary"
    starts = {name: lambda name=name: Running(argv(name, 3, diary), ENVIRONMENT) for name in "ab"}
    began = time.monotonic()
    found = interleaved(starts, 3, lambda _: None)
    elapsed = time.monotonic() - began
    assert diary.read_text() == "ababab"
    assert [measured.answer["name"] for measured in found.values()] == ["a", "b"]
    laps = [lap.wall for measured in found.values() for lap in measured.laps]
    assert len(laps) == 6
    assert min(laps) >= 0.3
    assert sum(laps) < elapsed, "while one waits for the other its clock stands still"


def test_who_measures_one_process_lets_it_work_on_without_leave(tmp_path):
    measured = measure(argv("a", 2, tmp_path / "diary"), ENVIRONMENT)
    assert len(measured.laps) == 2
    assert measured.wall >= sum(lap.wall for lap in measured.laps)


def test_a_process_that_ends_before_its_last_turn_is_no_result(tmp_path):
    starts = {"a": lambda: Running(argv("a", 3, tmp_path / "diary", last="0"), ENVIRONMENT)}
    with pytest.raises(Failed, match="no more"):
        interleaved(starts, 3, lambda _: None)
    starts = {"a": lambda: Running(argv("a", 1, tmp_path / "diary"), ENVIRONMENT)}
    with pytest.raises(Failed, match="a ended after 1 of 3 laps"):
        interleaved(starts, 3, lambda _: None)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_who_ends_a_benchmark_ends_what_it_measures_too(tmp_path, number, code):
    diary = tmp_path / "pid"
    endless = f"import os, time; open({str(diary)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    measuring = f"""
import os, signal, sys, typer
from benchmarks import __main__ as benchmarks
from benchmarks.measuring import measure
signal.signal(signal.SIGINT, signal.default_int_handler)
benchmarks._run = lambda name, *, smoke: measure([sys.executable, "-c", {endless!r}], os.environ)
typer.run(benchmarks.main)
"""
    process = subprocess.Popen([sys.executable, "-c", measuring, "start"], env=ENVIRONMENT, start_new_session=True)
    until = time.monotonic() + 60
    while not (diary.exists() and diary.read_text()):
        assert time.monotonic() < until, "it was not started"
        time.sleep(0.05)
    measured = psutil.Process(int(diary.read_text()))
    os.killpg(process.pid, number)  # as a terminal does
    assert process.wait(timeout=30) == code
    psutil.wait_procs([measured], timeout=30)
    assert not measured.is_running()


@pytest.mark.parametrize(("error", "code"), [("Failed('the disk is full')", 1), ("KeyboardInterrupt()", 130)])
def test_a_benchmark_that_fails_names_the_command_that_goes_on_with_it(error, code):
    failing = f"""
import typer
from benchmarks import __main__ as benchmarks
from benchmarks.measuring import Failed
def run(name, *, smoke):
    if name == "growth":
        raise {error}
    return []
benchmarks._run = run
typer.run(benchmarks.main)
"""
    ended = subprocess.run(
        [sys.executable, "-c", failing, "start", "growth", "memory"], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert ended.returncode == code
    assert 'next step: make bench NAME="growth memory"' in ended.stderr
    assert ("the disk is full" if code == 1 else "growth was interrupted") in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_benchmark_that_is_not_there_is_refused_with_the_names_of_those_that_are():
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "btach"], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "there is no benchmark btach" in ended.stderr
    assert "small_files" in ended.stderr
