"""What is made ready before somebody needs it: a database that is migrated, a JVM that is warm."""

from __future__ import annotations

import threading

import pytest

from local.airflow import components, migrated_database, postgres
from local.aws import spark_gateway, warm_up
from local.home import Home


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """A database that was migrated at set-up."""
    folder = tmp_path / "kept"
    (folder / "base").mkdir(parents=True)
    (folder / "base" / "1").write_text("migrated")
    monkeypatch.setattr(migrated_database, "kept", lambda: folder)
    return folder


def test_a_new_lake_comes_with_a_migrated_database(home, kept):
    migrated_database.lay(home)
    assert (postgres.folder(home) / "base" / "1").read_text() == "migrated"
    components.wait_for_migration(home)


def test_a_lake_that_has_a_database_keeps_it(home, kept):
    postgres.folder(home).mkdir(parents=True)
    migrated_database.lay(home)
    assert list(postgres.folder(home).iterdir()) == []


def test_without_one_a_lake_migrates_its_own(home, monkeypatch, tmp_path):
    monkeypatch.setattr(migrated_database, "kept", lambda: tmp_path / "nothing")
    migrated_database.lay(home)
    assert not home.folder.exists()


class Gateway:
    """A JVM that costs nothing."""

    made = 0

    def __init__(self, home, python, environ, key):
        type(self).made += 1
        self.folder, self.key, self.runs, self.is_new, self.environment = home.folder, key, 0, True, {}
        self.ended = False

    def is_alive(self):
        return not self.ended

    def end(self):
        self.ended = True

    def detach(self):
        pass

    start_timer = stop_timer = detach


@pytest.fixture
def gateways(monkeypatch):
    monkeypatch.setattr(spark_gateway, "Gateway", Gateway)
    monkeypatch.setattr(spark_gateway, "_idle", [])
    monkeypatch.setattr(spark_gateway, "_busy", 0)
    monkeypatch.setattr(Gateway, "made", 0)


def test_a_jvm_that_was_started_ahead_serves_the_first_run(home, gateways):
    for _ in range(3):
        spark_gateway.start_ahead(home, None, {}, ("conf", 1))
    first = spark_gateway.take(home, None, {}, ("conf", 1))
    assert (Gateway.made, first.is_alive()) == (1, True)


def test_none_is_started_ahead_while_one_is_at_work(home, gateways):
    spark_gateway.take(home, None, {}, ("conf", 1))
    spark_gateway.start_ahead(home, None, {}, ("conf", 1))
    assert Gateway.made == 1


@pytest.fixture
def land(home, monkeypatch):
    """Have S3 say that something happened to an object; returns when what follows from it is done."""
    fired = []
    monkeypatch.setattr(warm_up.hooks, "original", lambda _: lambda *event: fired.append(event))
    monkeypatch.setattr(warm_up.hooks, "replace", lambda _, function: fired.append(function))
    warm_up.install(home)
    fire = fired.pop()

    def happens(key="raw/orders/a.csv", event="s3:ObjectCreated:Put"):
        before = set(threading.enumerate())
        fire("lake", key, event)
        assert fired.pop() == ("lake", key, event), "MiniStack's own must go on"
        for thread in set(threading.enumerate()) - before:
            thread.join(10)

    return happens


@pytest.mark.parametrize(("code", "survives"), [(0, True), (1, False)])
def test_a_delivery_warms_an_idle_jvm_up_once_and_a_run_may_have_it_afterwards(
    home, gateways, land, monkeypatch, code, survives
):
    ran = []
    monkeypatch.setattr(warm_up.glue_process, "environment", lambda _: {})
    monkeypatch.setattr(
        warm_up.subprocess, "run", lambda argv, **_: ran.append(argv) or type("Ended", (), {"returncode": code})
    )
    spark_gateway.start_ahead(home, None, {}, ("conf", 1))
    land("archived/orders/a.csv")
    land(event="s3:ObjectRemoved:Delete")
    assert not ran
    land()
    land()
    assert len(ran) == 1
    spark_gateway.take(home, None, {}, ("conf", 1))
    assert Gateway.made == (1 if survives else 2)


def test_a_jvm_that_has_served_a_run_is_warm(home, gateways, land, monkeypatch):
    ran = []
    monkeypatch.setattr(warm_up.subprocess, "run", lambda argv, **_: ran.append(argv))
    land()
    gateway = spark_gateway.take(home, None, {}, ("conf", 1))
    gateway.is_new = False
    spark_gateway.give_back(gateway, succeeded=True)
    land()
    assert not ran
