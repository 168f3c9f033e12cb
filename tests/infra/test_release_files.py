"""What is attached to a release: one zip of all that is deployed, and its checksum."""

import hashlib
import subprocess
import zipfile

import pytest

import ledgerlake
from infra.release.files import WrongRelease, write

TAG = f"v{ledgerlake.__version__}"


@pytest.fixture
def dist(tmp_path):
    folder = tmp_path / "dist"
    (folder / "airflow").mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    (folder / "airflow" / "plugins.zip").write_bytes(b"zip")
    return folder


def test_the_zip_holds_all_that_was_packaged_and_the_checksum_is_its_own(dist, tmp_path):
    package, checksums = write(TAG, dist, tmp_path / "release")
    assert zipfile.ZipFile(package).namelist() == ["airflow/plugins.zip", "manifest.json"]
    assert checksums.read_text() == f"{hashlib.sha256(package.read_bytes()).hexdigest()}  {package.name}\n"
    assert subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=package.parent).returncode == 0


def test_the_same_packages_give_the_same_bytes_and_nothing_of_before_is_left(dist, tmp_path):
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "old.zip").touch()
    one, two = (write(TAG, dist, tmp_path / name)[0] for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert sorted(path.name for path in two.parent.iterdir()) == ["SHA256SUMS", two.name]


@pytest.mark.parametrize("tag", ["v9.9.9", ledgerlake.__version__, ""])
def test_a_tag_of_another_version_is_refused(dist, tmp_path, tag):
    with pytest.raises(WrongRelease, match=f"expected the tag {TAG}"):
        write(tag, dist, tmp_path / "release")


def test_nothing_packaged_is_refused(tmp_path):
    with pytest.raises(WrongRelease, match="make package"):
        write(TAG, tmp_path / "dist", tmp_path / "release")
