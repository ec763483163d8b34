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


def kill_and_look(place, setup, rounds, enough):
    """Kill -9 registering, approving, publishing, pointing, rolling back and deprecating, then look.

    Returns:
        How many calls had been acknowledged, and in how many rounds.
    """
    work = f"""
    registry = Registry({str(place / "registry")!r}, approval=True)
    for i in range(10**9):
        version = registry.register("spam", another(f"{{me}}-{{i}}"), by="ann")
        acknowledge("registered", version.number, version.digest)
        registry.approve(version, by="salma")
        acknowledge("approved", version.number)
        registry.publish(version, by="bob")
        acknowledge("published", version.number)
        acknowledge("challenger", registry.alias("spam", "challenger", version.number).number)
        if i % 3 == 2:
            acknowledge("rolled_back", registry.rollback("spam").number)
            acknowledge("deprecated", registry.deprecate(version).number)
    """
    told, rounds = kill_often(place, rounds, 0.25, setup, work, enough=enough)
    registry = Registry(place / "registry")
    table = registry.versions("spam").set_index("number")
    assert table.index.tolist() == list(range(1, len(table) + 1))
    registered = {int(number): digest[0] for _, kind, number, *digest in told if kind == "registered"}
    assert len(registered) >= 15
    assert len(registered) <= len(table) <= len(registered) + rounds
    for number in table.index:
        assert registry.load(f"spam@{number}").digest == table.loc[number, "digest"]
    assert table.loc[list(registered), "digest"].tolist() == list(registered.values())
    numbers = {kind: {int(words[2]) for words in told if words[1] == kind} for kind in
               ("approved", "published", "deprecated")}  # fmt: skip
    deprecated, published = numbers["deprecated"], numbers["published"]
    assert set(table.loc[sorted(numbers["approved"]), "approved_by"]) == {("salma",)}
    assert set(table.loc[sorted(deprecated), "state"]) <= {"deprecated"}
    assert set(table.loc[sorted(published - deprecated), "state"]) <= {"published", "deprecated"}
    champion = registry.resolve("spam@champion")
    assert table.loc[champion, "state"] == "published"
    ends = [int(words[2]) for words in told if words[1] in ("published", "rolled_back")]
    assert champion >= ends[-1] or table.loc[ends[-1], "state"] == "deprecated"
    pointed = [int(words[2]) for words in told if words[1] == "challenger"]
    assert pointed[-1] <= registry.resolve("spam@challenger") <= len(table)
    history = registry.history("spam").groupby("what")["number"].agg(list)
    assert history["register"] == table.index.tolist()  # one line each: nothing half done
    assert set(history["approve"]) == {n for n in table.index if table.loc[n, "approved_by"]}
    assert len(artifacts(place / "registry")) <= len(table) + rounds  # at worst a spare file a kill
    spare = registry.collect_garbage(remove=True)
    assert len(artifacts(place / "registry")) == table["digest"].nunique() + _parts(place)
    assert len(spare) <= rounds
    again = registry.register("spam", registry.load(f"spam@{champion}"), by="ann")
    registry.approve(again, by="salma")
    assert registry.publish(again, by="bob").aliases == ("champion",)
    return len(told), rounds


def _parts(place):
    return sum(path.name.endswith(".part") for path in artifacts(place / "registry"))


def test_what_was_acknowledged_survives_kill_9_and_every_version_loads(tmp_path, setup):
    kill_and_look(tmp_path, setup, rounds=40, enough=80)


def test_garbage_is_collected_while_others_register(tmp_path, setup):
    Registry(tmp_path / "registry")
    work = f"""
    registry = Registry({str(tmp_path / "registry")!r})
    for i in range(30):
        if me:  # the same few packages again and again, registered and deleted
            registry.delete(registry.register("spam", another(f"{{i % 3}}")))
            tell(registry.register("spam", another(f"{{i % 3}}")).number)
        else:
            registry.collect_garbage(remove=True)
    """
    told = crowd(3, setup, work)
    registry = Registry(tmp_path / "registry")
    numbers = sorted(number for one in told for number in one)
    assert registry.versions("spam")["number"].tolist() == numbers
    for number in numbers:
        registry.load(f"spam@{number}")
    registry.collect_garbage(remove=True)
    assert len(artifacts(tmp_path / "registry")) == 3


def test_an_artifact_collected_between_file_and_row_is_kept_again(tmp_path, package, monkeypatch):
    registry = Registry(tmp_path)
    keep = registry._ledger.keep

    def keep_and_lose(*given):
        kept = keep(*given)
        assert len(Registry(tmp_path).collect_garbage(remove=True)) == 1  # nobody needs it: no row yet
        return kept

    monkeypatch.setattr(registry._ledger, "keep", keep_and_lose)
    registry.register("spam", package)
    assert registry.load("spam@1").digest == package.digest


def test_garbage_is_shown_before_it_is_removed(tmp_path, package):
    registry = Registry(tmp_path)
    registry.register("spam", package)
    kept = artifacts(tmp_path)
    gone = registry.register("spam", package.with_report(Report("b", package.report.findings)))
    registry.delete(gone)
    spare = registry.collect_garbage()
    assert len(spare) == 1 and set(artifacts(tmp_path)) > set(kept)
    ((path,),) = [set(artifacts(tmp_path)) - set(kept)]
    assert spare.values.tolist() == [[path.name, path.stat().st_size]]
    assert len(registry.collect_garbage(remove=True)) == 1
    assert artifacts(tmp_path) == kept and registry.collect_garbage().empty
    registry.load("spam@1")


# ---- flipped bits ---------------------------------------------------------------------------------

QUESTIONS = {
    "champion": lambda registry: registry.resolve("spam@champion"),
    "load": lambda registry: registry.load("spam@champion").digest,
    "get": lambda registry: [registry.get("spam", number) for number in (1, 2, 3)],
    "versions": lambda registry: registry.versions().to_dict("records"),
    "history": lambda registry: registry.history("spam").to_dict("records"),
    "approval": lambda registry: [
        finding.code for finding in registry.unpublishable(registry.get("spam", 3))
    ],
}


def flipped(place, step, start):
    """Flip every step-th bit of a registry's database; return how many answers were right and refused.

    Every question must be answered as before the flip, or be refused.
    """
    path = place / "registry.db"
    good = path.read_bytes()
    truth = {name: ask(Registry(place)) for name, ask in QUESTIONS.items()}
    right = refused = 0
    for bit in range(start, 8 * len(good), step):
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        for left in place.glob("registry.db*"):
            left.unlink()
        path.write_bytes(damaged)
        for name, ask in QUESTIONS.items():
            try:
                assert ask(Registry(place)) == truth[name], (name, bit)
                right += 1
            except RefusedError as error:
                assert "\n" not in str(error)
                refused += 1
    return right, refused


def three_versions(place, package):
    registry = Registry(place, approval=True)
    for title in "abc":
        made = package.with_report(Report(title, package.report.findings))
        version = registry.register("spam", made, by="ann")
        if title < "c":
            registry.publish(registry.approve(version, by="salma"), by="bob")
    registry.alias("spam", "challenger", 1)
    registry._ledger.database.close()


def test_any_bit_flipped_in_the_database_changes_no_answer(tmp_path, package):
    three_versions(tmp_path, package)
    right, refused = flipped(tmp_path, step=1777, start=5)
    assert right > 300 and refused > 30  # unused bytes do no harm; used ones are noticed


def test_a_bit_that_hides_a_line_of_the_history_is_noticed(tmp_path, package):
    three_versions(tmp_path, package)
    path = tmp_path / "registry.db"
    data = bytearray(path.read_bytes())
    data[data.index(b"spamregister") + 3] ^= 1  # in the index, which no row's checksum covers
    path.write_bytes(data)
    with pytest.raises(RefusedError, match=r"registry.db is damaged: .*history_of; restore it from a copy$"):
        Registry(tmp_path).history("spam")


def test_a_registry_of_a_newer_format_is_one_sentence(tmp_path, package):
    registry = Registry(tmp_path)
    registry._ledger.database.write("PRAGMA user_version=2")
    with pytest.raises(
        RefusedError, match=r"registry.db has format 2; this mlsd reads up to 1: update mlsd$"
    ):
        Registry(tmp_path)


def test_any_bit_flipped_in_any_artifact_is_refused_before_it_is_read(tmp_path, package, monkeypatch):
    registry = Registry(tmp_path)
    for title in "ab":
        registry.register("spam", package.with_report(Report(title, package.report.findings)))
    registry.publish(registry.get("spam", 1))
    files = artifacts(tmp_path)
    assert len(files) == 2

    def never(*_, **__):
        raise AssertionError("a changed artifact was read as a model")

    monkeypatch.setattr("mlsd.registry.asking.unpack", never)
    rows = registry._ledger.database.read("SELECT number, archive FROM versions")
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
    rows = registry._ledger.database.read("SELECT * FROM versions ORDER BY number")
    forged = dict(rows[0]) | {"archive": rows[1]["archive"]}
    del forged["seal"]
    registry._ledger._write("REPLACE INTO versions", *forged.values())  # by one who knows the checksum
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
    registry._ledger.database.close()
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
