from local import jars, spark_properties


def test_the_jobs_own_conf_is_kept_and_the_machines_needs_win(tmp_path):
    conf = "spark.sql.ansi.enabled=true --conf spark.driver.memory=10g --conf spark.x=a=b"
    written = spark_properties.write(tmp_path / "p", "http://127.0.0.1:1", conf).read_text().splitlines()
    assert "spark.sql.ansi.enabled=true" in written
    assert "spark.x=a=b" in written
    assert "spark.driver.memory=1g" in written
    assert "spark.hadoop.fs.s3a.endpoint=http://127.0.0.1:1" in written


def test_every_jar_is_pinned_by_hash():
    assert len(jars.locked()) == 8
    assert all(len(jar.sha256) == 64 for jar in jars.locked())


def test_the_cache_folder_follows_the_lock_and_xdg_cache_home(tmp_path):
    assert jars.folder({"XDG_CACHE_HOME": str(tmp_path)}).parent == tmp_path / "ledgerlake"
