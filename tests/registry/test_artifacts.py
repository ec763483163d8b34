"""Artifacts by URL: a real S3 server, a folder, stores that are silent, changed or not there."""

import pickle
import socket
import time

import pytest

from mlsd.digest import digest_bytes
from mlsd.registry import Registry
from mlsd.registry.artifacts import FolderArtifacts, artifacts_at
from mlsd.report import RefusedError


@pytest.fixture(params=["folder", "file URL", "memory", "s3"])
def artifacts(request, tmp_path):
    if request.param == "s3":
        return artifacts_at(f"{request.getfixturevalue('bucket')}/{tmp_path.name}/")
    places = {"folder": tmp_path, "file URL": f"file://{tmp_path}", "memory": f"memory://{tmp_path.name}"}
    return artifacts_at(places[request.param])


def test_bytes_are_kept_under_their_digest_and_listed_and_removed(artifacts):
    assert artifacts.sizes() == {}
    digests = [artifacts.put(data) for data in (b"spam", b"eggs!", b"spam")]
    assert digests == [digest_bytes(b"spam"), digest_bytes(b"eggs!"), digest_bytes(b"spam")]
    assert artifacts.get(digests[1]) == b"eggs!"
    assert artifacts.sizes() == {digests[0]: 4, digests[1]: 5}
    assert artifacts.has(digests[0]) and not artifacts.has(digest_bytes(b"other"))
    artifacts.remove(digests[0])
    assert not artifacts.has(digests[0]) and artifacts.sizes() == {digests[1]: 5}
    with pytest.raises(
        RefusedError, match=r"^the artifact 4e388ab32b10 is gone from .*; restore it from a c"
    ):
        artifacts.get(digests[0])


def test_a_half_written_file_is_spare_once_its_writer_is_long_gone(tmp_path):
    import os

    artifacts = FolderArtifacts(tmp_path)
    digest = artifacts.put(b"spam")
    for name, age in ((".young.part", 60), (".old.part", 100_000)):
        path = tmp_path / digest[:2] / name
        path.write_bytes(b"sp")
        os.utime(path, (time.time() - age,) * 2)
    assert artifacts.sizes() == {digest: 4, ".old.part": 2}
    artifacts.remove(".old.part")
    assert sorted(path.name for path in (tmp_path / digest[:2]).iterdir()) == [".young.part", digest]


def test_a_registry_remembers_where_its_artifacts_are(tmp_path, bucket, package):
    url = f"{bucket}/remembered"
    Registry(tmp_path, artifacts=url).publish(Registry(tmp_path).register("spam", package))
    again = pickle.loads(pickle.dumps(Registry(tmp_path)))
    assert again.load("spam@champion").digest == package.digest
    assert not (tmp_path / "artifacts").exists()
    with pytest.raises(RefusedError, match=rf"keeps its artifacts in {url}, not in /elsewhere; leave"):
        Registry(tmp_path, artifacts="/elsewhere")


def test_a_registry_that_holds_versions_does_not_move_its_artifacts(tmp_path, package):
    Registry(tmp_path / "r").register("spam", package)
    with pytest.raises(
        RefusedError, match=r"keeps its artifacts in its own folder, not in memory://x; leave"
    ):
        Registry(tmp_path / "r", artifacts="memory://x")


def test_artifacts_may_lie_in_another_folder(tmp_path, package):
    registry = Registry(tmp_path / "r", artifacts=tmp_path / "elsewhere")
    registry.register("spam", package)
    assert len(FolderArtifacts(tmp_path / "elsewhere").sizes()) == 1
    assert Registry(tmp_path / "r").load("spam@1").digest == package.digest


def test_what_was_changed_in_the_store_is_refused_before_it_is_read(tmp_path, bucket, package, monkeypatch):
    registry = Registry(tmp_path, artifacts=f"{bucket}/changed")
    registry.register("spam", package)
    store = registry._ledger.artifacts
    ((digest, _),) = store.sizes().items()
    good = store.get(digest)
    monkeypatch.setattr("mlsd.registry.asking.unpack", lambda data: pytest.fail("it was read"))
    for place in range(0, 8 * len(good), 8 * len(good) // 20):
        damaged = bytearray(good)
        damaged[place // 8] ^= 1 << place % 8
        store._store.pipe_file(store._path(digest), bytes(damaged))
        with pytest.raises(
            RefusedError, match=rf"^the artifact {digest[:12]} in s3://models/changed was chang"
        ):
            registry.load("spam@1")
    store.remove(digest)
    with pytest.raises(
        RefusedError, match=rf"^the artifact {digest[:12]} is gone from s3://models/changed; res"
    ):
        registry.load("spam@1")
    assert registry.resolve("spam@1") == 1  # the database is here


def test_a_bucket_that_is_not_there_is_one_sentence(tmp_path, bucket, package):
    registry = Registry(tmp_path, artifacts="s3://no-such-bucket/x")
    with pytest.raises(
        RefusedError, match=r"^the store s3://no-such-bucket/x refuses or does not answer: .+; check"
    ):
        registry.register("spam", package)
    assert registry.versions().empty


@pytest.mark.parametrize("kind", ["closed", "silent"])
def test_a_store_that_does_not_answer_is_one_sentence_within_seconds(
    tmp_path, bucket, package, monkeypatch, kind
):
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        if kind == "silent":
            door.listen()
            monkeypatch.setattr("mlsd.registry.artifacts._PATIENCE", 2.0)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{door.getsockname()[1]}")
        registry = Registry(tmp_path, artifacts=f"{bucket}/silent")
        began = time.monotonic()
        with pytest.raises(
            RefusedError, match=r"^the store s3://models/silent refuses or does not answer: [^\n]+; c"
        ):
            registry.register("spam", package)
        assert time.monotonic() - began < 10
    assert registry.versions().empty


def test_a_url_without_a_driver_is_one_sentence(tmp_path):
    with pytest.raises(
        RefusedError, match=r"^cannot use moon://x: .+; for s3:// run: pip install 'mlsd\[s3\]'$"
    ):
        Registry(tmp_path, artifacts="moon://x")
    assert Registry(tmp_path).versions().empty  # and nothing of it was remembered
