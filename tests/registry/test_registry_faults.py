"""The registry in trouble: crowds on a fresh folder, kill -9, flipped bits, full and read-only disks."""

import re
from pathlib import Path

import pytest

from mlsd.registry import Registry
from mlsd.report import RefusedError, Report
from tests.hardship import FULL, READ_ONLY, crowd, kill_often, on_full_disk, on_read_only_disk

SETUP = """
from mlsd.package import ModelPackage
from mlsd.registry import Registry
from mlsd.report import RefusedError, Report
package = ModelPackage.load({package!r})
def another(title): return package.with_report(Report(title, package.report.findings))
"""


@pytest.fixture(scope="session")
def setup(tmp_path_factory, package):
    return SETUP.format(package=str(package.save(tmp_path_factory.mktemp("package") / "small")))


def artifacts(folder):
    return [path for path in Path(folder, "artifacts").rglob("*") if path.is_file()]


def test_a_crowd_may_register_in_one_fresh_folder(tmp_path, setup):
    work = f"""
    registry = Registry({str(tmp_path / "new" / "registry")!r})
    for i in range(25):
        version = registry.register("spam", another(f"{{me}}-{{i}}"), by=str(me))
        tell([version.number, version.digest])
        if i % 8 == 0:
            registry.publish(version)
    """
    told = crowd(4, setup, work)
    registry = Registry(tmp_path / "new" / "registry")
    table = registry.versions("spam")
    assert table["number"].tolist() == list(range(1, 101))
    assert sorted(number for one in told for number, _ in one) == list(range(1, 101))
    assert table["digest"].nunique() == 100
    for me, one in enumerate(told):
        assert [number for number, _ in one] == sorted(number for number, _ in one)
        for number, digest in one:
            assert registry.get("spam", number).created_by == str(me)
            assert registry.load(f"spam@{number}").digest == digest
    assert (table["state"] == "published").sum() == 16
    assert (table["aliases"] == "champion").sum() == 1
    assert registry.history("spam")["what"].value_counts().to_dict() == {
        "register": 100, "publish": 32, "champion": 16,
    }  # fmt: skip


def test_a_crowd_that_publishes_the_same_version_publishes_it_once(tmp_path, package, setup):
    Registry(tmp_path).register("spam", package)
    crowd(4, setup, f"""
    registry = Registry({str(tmp_path)!r})
    version = registry.publish(registry.get("spam", 1))
    assert version.aliases == ("champion",), version
    """)  # fmt: skip
    history = Registry(tmp_path).history("spam")
    assert history["what"].tolist() == ["register", "publish", "publish", "champion"]


def test_what_was_acknowledged_survives_kill_9_and_every_version_loads(tmp_path, setup):
    work = f"""
    registry = Registry({str(tmp_path / "registry")!r})
    for i in range(10**9):
        version = registry.register("spam", another(f"{{me}}-{{i}}"))
        acknowledge("registered", version.number, version.digest)
        registry.publish(version)
        acknowledge("published", version.number)
        if i % 3 == 2:
            acknowledge("rolled_back", registry.rollback("spam").number)
            acknowledge("deprecated", registry.deprecate(version).number)
    """
    told, rounds = kill_often(tmp_path, 30, 0.25, setup, work, enough=60)
    registry = Registry(tmp_path / "registry")
    table = registry.versions("spam").set_index("number")
    assert table.index.tolist() == list(range(1, len(table) + 1))
    registered = {int(number): digest[0] for _, kind, number, *digest in told if kind == "registered"}
    assert len(registered) >= 15
    assert len(registered) <= len(table) <= len(registered) + rounds
    for number in table.index:
        assert registry.load(f"spam@{number}").digest == table.loc[number, "digest"]
    assert table.loc[list(registered), "digest"].tolist() == list(registered.values())
    deprecated = {int(words[2]) for words in told if words[1] == "deprecated"}
    published = {int(words[2]) for words in told if words[1] == "published"}
    assert set(table.loc[sorted(deprecated), "state"]) <= {"deprecated"}
    assert set(table.loc[sorted(published - deprecated), "state"]) <= {"published", "deprecated"}
    champion = registry.resolve("spam@champion")
    assert table.loc[champion, "state"] == "published"
    ends = [int(words[2]) for words in told if words[1] in ("published", "rolled_back")]
    assert champion >= ends[-1] or table.loc[ends[-1], "state"] == "deprecated"
    assert len(artifacts(tmp_path / "registry")) <= len(table) + rounds  # at worst a spare file a kill
    again = registry.publish(registry.register("spam", registry.load(f"spam@{champion}")))
    assert again.aliases == ("champion",)


def test_any_bit_flipped_in_any_artifact_is_refused_before_it_is_read(tmp_path, package, monkeypatch):
    registry = Registry(tmp_path)
    for title in "ab":
        registry.register("spam", package.with_report(Report(title, package.report.findings)))
    registry.publish(registry.get("spam", 1))
    files = artifacts(tmp_path)
    assert len(files) == 2

    def never(*_, **__):
        raise AssertionError("a changed artifact was read as a model")

    monkeypatch.setattr("mlsd.registry.local.unpack", never)
    rows = registry._database.read("SELECT number, archive FROM versions")
    for number, archive in rows:
        (path,) = [path for path in files if path.name == archive]
        good = path.read_bytes()
        for place in range(0, 8 * len(good), 977):
            damaged = bytearray(good)
            damaged[place // 8] ^= 1 << place % 8
            path.write_bytes(damaged)
            with pytest.raises(
                RefusedError, match=r"^the artifact \w{12} in .* was changed; restore it from a copy$"
            ):
                registry.load(f"spam@{number}")
        path.write_bytes(good)
        path.rename(path.with_name("moved"))
        with pytest.raises(
            RefusedError, match=r"^the artifact \w{12} is gone from .*; restore it from a copy$"
        ):
            registry.load(f"spam@{number}")
        assert registry.unpublishable(registry.get("spam", number)).failures[0].code == "artifact"


def test_an_artifact_and_its_digest_exchanged_together_are_still_refused(tmp_path, package):
    registry = Registry(tmp_path)
    first = registry.register("spam", package)
    registry.register("spam", package.with_report(Report("b", package.report.findings)))
    registry._database.write(
        "UPDATE versions SET archive = (SELECT archive FROM versions WHERE number = 2) WHERE number = 1"
    )
    with pytest.raises(
        RefusedError, match=rf"^the package has digest \w{{12}}, expected {first.digest[:12]}"
    ):
        registry.load("spam@1")


@pytest.mark.parametrize("kind", FULL)
def test_a_full_disk_is_one_sentence_and_leaves_every_version_whole(tmp_path, setup, kind):
    printed = on_full_disk(kind, tmp_path, setup.replace("\n", "\n    ") + """
    import os
    from pathlib import Path
    from mlsd.prediction_log import PredictionLog
    registry, count = Registry(folder + "/registry"), 0
    registry.publish(registry.register("spam", package))
    big = package.with_report(Report("x" * 30_000, package.report.findings))
    try:
        for count in range(1, 1000):
            registry.register("spam", big.with_report(Report(f"{count}" * 30_000, package.report.findings)))
    except RefusedError as error:
        print(error)
    registry = Registry(folder + "/registry")
    numbers = registry.versions("spam")["number"].tolist()
    assert numbers == list(range(1, count + 1)) and count < 999, (numbers, count)
    for number in numbers:
        registry.load(f"spam@{number}")
    assert not [path for path in Path(folder).rglob("*") if path.name.endswith(".part")]
    assert registry.resolve("spam@champion") == 1
    """)  # fmt: skip
    assert re.fullmatch(r"cannot use .*registry.*: .*; (free some space|choose a folder).*\n", printed)


@pytest.mark.parametrize("kind", READ_ONLY)
def test_a_registry_on_a_read_only_disk_can_be_served_and_refuses_changes(tmp_path, package, setup, kind):
    registry = Registry(tmp_path / "registry")
    for title in "ab":
        registry.publish(
            registry.register("spam", package.with_report(Report(title, package.report.findings)))
        )
    registry.register("spam", package)
    registry._database.close()
    setup = setup.replace("\n", "\n    ")
    text = f"""
    {setup}
    registry = Registry(folder + "/registry")
    assert registry.load("spam@champion").digest == another("b").digest
    before = registry.history("spam")
    for attempt in (
        lambda: registry.register("spam", another("c")),
        lambda: registry.publish(registry.get("spam", 3)),
        lambda: registry.deprecate(registry.get("spam", 1)),
        lambda: registry.rollback("spam"),
        lambda: registry.alias("spam", "champion", 1),
        lambda: Registry(folder + "/new"),
    ):
        try:
            attempt()
        except RefusedError as error:
            print(error)
    assert registry.history("spam").equals(before) and registry.resolve("spam@champion") == 2
    """
    lines = on_read_only_disk(kind, tmp_path, text).splitlines()
    assert len(lines) == 6
    assert all(
        re.fullmatch(r"cannot use .*: .*; choose a folder you may write to", line) for line in lines
    ), lines
