import json
import socket
import subprocess
import sys
import time

import psutil
import pytest

from local import processes
from local.airflow import postgres, postgres_keeper
from local.errors import NotReady, PortTaken
from local.home import Home

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def test_a_process_is_found_again_and_stopped(home):
    started = processes.start(home, "part", SLEEP, {})
    assert processes.running(home, "part")
    processes.stop(home, "part")
    assert not processes.running(home, "part")
    assert not psutil.pid_exists(started.pid) or psutil.Process(started.pid).status() == psutil.STATUS_ZOMBIE


def test_a_stranger_with_a_reused_pid_is_not_ours_and_is_left_alone(home):
    stranger = subprocess.Popen(SLEEP)
    try:
        record = {"pid": stranger.pid, "created": time.time() - 3600, "fingerprint": ""}
        (home.folder / "run").mkdir()
        (home.folder / "run" / "part.json").write_text(json.dumps(record))
        assert not processes.running(home, "part")
        processes.stop(home, "part")
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_children_end_with_the_process_also_those_that_ignore_sigterm(home):
    child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    parent = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    started = processes.start(home, "part", [sys.executable, "-c", parent], {})
    while not (children := psutil.Process(started.pid).children()):
        time.sleep(0.02)
    time.sleep(0.2)
    processes.stop(home, "part", patience=1)
    assert not any(each.is_running() for each in children)


def test_an_orphan_in_a_session_of_its_own_is_found_by_its_mark(home):
    parent = f"import subprocess; subprocess.Popen({SLEEP!r}, start_new_session=True)"
    started = processes.start(home, "part", [sys.executable, "-c", parent], {})
    psutil.wait_procs([psutil.Process(started.pid)], timeout=5)
    orphans = [each for each in processes.left_behind(home) if each.status() != psutil.STATUS_ZOMBIE]
    assert len(orphans) == 1
    processes.end(orphans, patience=1)
    assert not [each for each in processes.left_behind(home) if each.status() != psutil.STATUS_ZOMBIE]


def test_another_home_has_nothing_to_do_with_them(home, tmp_path):
    processes.start(home, "part", SLEEP, {})
    other = Home(tmp_path / "other")
    assert processes.left_behind(other) == []
    processes.stop(other, "part")
    assert processes.running(home, "part")


def test_a_process_that_ends_while_it_starts_is_told_with_its_last_words(home):
    processes.start(home, "part", [sys.executable, "-c", "raise SystemExit('no such option')"], {})
    with pytest.raises(NotReady, match=r"part ended while it started \(its last words: no such option\)"):
        processes.wait_until(home, "part", lambda: False, seconds=20)


def test_a_process_whose_last_act_is_what_was_waited_for_has_not_failed(home, tmp_path):
    go, done = tmp_path / "go", tmp_path / "done"
    script = f'while [ ! -e "{go}" ]; do sleep 0.02; done; touch "{done}"'
    started = psutil.Process(processes.start(home, "part", ["bash", "-c", script], {}).pid)

    def ready():
        seen = done.exists()
        go.touch()
        psutil.wait_procs([started], timeout=5)  # it ends between the look for its work and the look for itself
        return seen

    processes.wait_until(home, "part", ready, seconds=20)


def test_ports_are_kept(home):
    assert home.port("aws") == Home(home.folder).port("aws")
    assert home.port("aws") != home.port("airflow")


def test_a_given_port_that_is_taken_is_refused_by_its_number(home):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port}, which this lake uses for aws, is taken"):
            home.set_port("aws", port)


def test_secrets_are_kept_and_readable_to_their_owner_only(home):
    assert home.secret("jwt_secret") == Home(home.folder).secret("jwt_secret")
    assert (home.folder / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_postmaster_file_that_a_crash_left_is_no_running_postgres(home):
    (home.folder / "postgres").mkdir()
    stranger = psutil.Process()
    lines = [str(stranger.pid), "x", str(int(time.time())), "5432", "/tmp", "", "", "ready"]
    (home.folder / "postgres" / "postmaster.pid").write_text("\n".join(lines))
    assert not postgres.running(home)
    postgres.stop(home)
    assert stranger.is_running()


def test_the_environment_of_a_process_leads_to_no_other_aws_account(home):
    environ = home.process_environment({"AWS_PROFILE": "prod", "AWS_SESSION_TOKEN": "x", "PATH": "/bin"})
    assert "AWS_PROFILE" not in environ
    assert "AWS_SESSION_TOKEN" not in environ
    assert environ["AWS_ENDPOINT_URL"] == home.endpoint_url
    assert environ["PATH"] == "/bin"


def _until(come, seconds=10):
    deadline = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _part(home):
    """The process of a kept part, beneath its keeper."""
    (part,) = psutil.Process(processes.started(home, "part").pid).children()
    return part


def _keep(home, code="import time; time.sleep(60)"):
    processes.start(home, "part", [sys.executable, "-c", code], {}, keep=True)
    _until(lambda: psutil.Process(processes.started(home, "part").pid).children())


@pytest.mark.slow
def test_a_kept_part_that_is_killed_is_started_again(home):
    _keep(home)
    first = _part(home)
    first.kill()
    _until(lambda: (down := processes.down(home, "part")) and down.since)
    assert not processes.running(home, "part")
    _until(lambda: processes.running(home, "part"))
    assert _part(home) != first
    assert processes.down(home, "part") is None


@pytest.mark.slow
def test_a_kept_part_that_was_stopped_does_not_come_back(home):
    _keep(home)
    part, keeper = _part(home), processes.started(home, "part").process()
    processes.stop(home, "part")
    time.sleep(2)
    assert not part.is_running()
    assert not keeper.is_running() or keeper.status() == psutil.STATUS_ZOMBIE
    assert processes.left_behind(home) == []
    assert processes.down(home, "part") is None, "stopped is not down"


def test_a_part_dies_with_its_keeper(home):
    _keep(home)
    part = _part(home)
    processes.started(home, "part").process().kill()
    psutil.wait_procs([part], timeout=5)
    assert not part.is_running()
    assert not processes.running(home, "part")


@pytest.mark.slow
def test_a_part_that_ends_again_and_again_waits_longer_and_says_its_last_words(home):
    _keep(home, "print('the port is taken', flush=True); raise SystemExit(3)")
    _until(lambda: processes.log_of(home, "part").read_text().count("the port is taken") == 3)
    starts = time.monotonic()
    _until(lambda: processes.down(home, "part"))
    down = processes.down(home, "part")
    assert (down.name, down.last_words) == ("part", "the port is taken")
    _until(lambda: processes.log_of(home, "part").read_text().count("the port is taken") == 4)
    assert time.monotonic() - starts > 2, "the pause doubles"


@pytest.mark.slow
def test_what_a_dead_part_left_behind_finishes_its_work_and_is_ended_when_it_has_none(home, tmp_path, monkeypatch):
    done = tmp_path / "done"
    task = f"sleep 2; touch {done}"
    worker = f"import subprocess, time; subprocess.run(['bash', '-c', {task!r}]); time.sleep(60)"
    _keep(home, f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {worker!r}]); time.sleep(60)")
    first = _part(home)
    _until(first.children)
    (orphan,) = first.children()
    first.kill()
    _until(done.exists)
    assert orphan.is_running()
    _until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE, seconds=25)


@pytest.mark.slow
def test_postgres_that_is_killed_is_started_again_until_the_lake_is_down(home):
    postgres.start(home)
    postgres_keeper.start(home)
    try:
        killed = postgres._process(home)
        killed.kill()
        _until(lambda: postgres.running(home) and postgres._process(home) != killed, seconds=60)
    finally:
        postgres_keeper.stop(home)
        postgres.stop(home)
    time.sleep(3)
    assert not postgres.running(home)
