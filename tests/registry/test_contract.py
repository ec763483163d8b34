"""One contract, three places: a folder, a folder with its artifacts in an object store, a real MLflow server."""

import dataclasses
import pickle
import time

import numpy as np
import pandas as pd
import pytest

from mlsd.registry import MLflowRegistry, Registry
from mlsd.report import Finding, RefusedError, Report
from tests.loopback import free_port, mlflow_server

PLACES = ["folder", "store", "mlflow"]
ROWS = pd.DataFrame({"links": [-1.0, 0.0, 2.0], "likes": [0.0, 0.5, 1.0]})
NOW = pd.Timestamp("2024-02-05T10:00Z")
METRIC = "metric"


@pytest.fixture(scope="module")
def server_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("mlflow")


@pytest.fixture(scope="module")
def server(server_folder):
    with mlflow_server(server_folder) as uri:
        yield uri


@pytest.fixture(params=PLACES)
def place(request, tmp_path):
    """How to open one empty registry, with or without approval."""
    if request.param == "mlflow":
        uri = request.getfixturevalue("server")
        return lambda **given: MLflowRegistry(uri, experiment=tmp_path.name, **given)
    if request.param == "store":
        address = f"{request.getfixturevalue('bucket')}/{tmp_path.name}"
        return lambda **given: Registry(tmp_path / "registry", artifacts=address, **given)
    return lambda **given: Registry(tmp_path / "registry", **given)


@pytest.fixture
def name(tmp_path):
    """A model's name that nobody else on the server has."""
    return tmp_path.name.replace("_", "-")[:60]


def measured(package, roc_auc, ok=True):
    """The package with a metric in its report."""
    better = Finding("better", ok=ok, message="compared with a constant")
    return package.with_report(Report("r", (Finding(METRIC, "roc_auc", value=roc_auc), better)))


# ---- the way of a version -------------------------------------------------------------------------


def test_a_version_is_registered_published_replaced_rolled_back_to_and_deprecated(place, name, package):
    registry = place()
    first = registry.register(name, package, group="trust", by="ann", now=NOW)
    assert (first.number, first.state, first.group, first.created, first.created_by) == (
        1, "in_progress", "trust", NOW, "ann",
    )  # fmt: skip
    assert (first.package_id, first.digest, first.aliases) == (package.id, package.digest, ())
    assert registry.publish(first, by="bob", now=NOW).aliases == ("champion",)
    second = registry.publish(registry.register(name, measured(package, 0.9)))
    assert (second.number, second.state, registry.resolve(f"{name}@champion")) == (2, "published", 2)
    assert registry.alias(name, "challenger", 1).aliases == ("challenger",)
    assert registry.rollback(name, by="eve").aliases == ("challenger", "champion")
    assert registry.deprecate(second).state == "deprecated"
    history = registry.history(name)
    assert history[["number", "what", "to"]].values.tolist() == [
        [1, "register", "in_progress"],
        [1, "publish", "publishing"],
        [1, "publish", "published"],
        [1, "champion", "1"],
        [2, "register", "in_progress"],
        [2, "publish", "publishing"],
        [2, "publish", "published"],
        [2, "champion", "2"],
        [1, "challenger", "1"],
        [1, "roll back", "1"],
        [2, "deprecate", "deprecated"],
    ]
    assert history["by"].tolist() == ["ann", "bob", "bob", "bob", "", "", "", "", "", "eve", ""]
    assert history["at"].iloc[0] == NOW
    table = registry.versions(name)
    assert table[["number", "state", "aliases"]].values.tolist() == [
        [1, "published", "challenger champion"], [2, "deprecated", ""],
    ]  # fmt: skip
    assert place().get(name, 1) == registry.get(name, 1)  # another process sees the same
    assert name in repr(registry)


def test_a_loaded_package_predicts_bit_for_bit(place, name, package):
    registry = place()
    registry.publish(registry.register(name, package))
    for reference in (f"{name}@champion", f"{name}@1", f"models:/{name}@champion", f"models:/{name}/1"):
        loaded = registry.load(reference)
        assert (loaded.id, loaded.digest) == (package.id, package.digest)
        np.testing.assert_array_equal(loaded.predict(ROWS), package.predict(ROWS))


def test_an_unfit_version_is_refused_with_its_reasons_and_goes_back(place, name, package):
    registry = place()
    unfit = dataclasses.replace(measured(package, 0.5, ok=False), lineage={})
    version = registry.register(name, unfit)
    assert version.against[0] == "its evaluation failed: compared with a constant"
    report = registry.unpublishable(version)
    assert [finding.code for finding in report.failures] == ["evaluation", "lineage", "lineage", "lineage"]
    with pytest.raises(RefusedError, match="its evaluation failed: compared with a constant"):
        registry.publish(version)
    assert registry.get(name, 1) == version
    assert registry.history(name)["what"].tolist() == ["register", "publish", "refuse"]


REFUSED = {
    "an unknown model": (lambda r, n: r.load("nobody@champion"), r"^there is no model 'nobody'; known: .*"),
    "an unknown alias": (lambda r, n: r.resolve(f"{n}@chalenger"), r" has no alias 'chalenger'; known: champion$"),
    "an unknown version": (lambda r, n: r.get(n, 7), r" has no version 7; known: 1 to 2$"),
    "published twice": (lambda r, n: r.publish(r.get(n, 1)), r"@1 is published already; alias\("),
    "the champion deprecated": (lambda r, n: r.deprecate(r.get(n, 2)), r"@2 is the champion and cannot be"),
    "an unpublished champion": (lambda r, n: r.alias(n, "champion", 3), r" has no version 3"),
    "an alias that is a verb": (lambda r, n: r.alias(n, "approve", 1), r"^the alias is 'approve', which reads as a"),
    "the champion deleted": (lambda r, n: r.delete(r.get(n, 2)), r"@2 cannot be deleted: champion points to it; let"),
    "a published one deleted": (lambda r, n: r.delete(r.get(n, 1)), r"@1 is published and cannot be deleted; deprec"),
    "the screen of nobody": (lambda r, n: r.screen("nobody"), r"^there is no model 'nobody'; known: "),
    "a tag that is no text": (lambda r, n: r.tag(r.get(n, 1), {"n": 1}), r"^the tag 'n' is 1; expected text"),
    "a tag that is ours": (lambda r, n: r.tag(r.get(n, 1), {"mlsd_state": "x"}), r"^the tag 'mlsd_state' is 'x'"),
    "a published one approved": (lambda r, n: r.approve(r.get(n, 1), by="bob"), r"@1 is published; there is nothing l"),
}  # fmt: skip


def test_what_may_not_be_is_one_sentence_and_leaves_no_trace(place, name, package):
    registry = place()
    for roc_auc in (0.7, 0.8):
        registry.publish(registry.register(name, measured(package, roc_auc), by="ann"))
    before = registry.history(name)
    for act, sentence in REFUSED.values():
        with pytest.raises(RefusedError, match=sentence):
            act(registry, name)
    pd.testing.assert_frame_equal(registry.history(name), before)


# ---- approval -------------------------------------------------------------------------------------


def test_nothing_is_published_before_somebody_else_approved_it(place, name, package):
    registry = place(approval=True)
    version = registry.register(name, package, by="ann")
    assert registry.screen(name)["actions"].tolist() == ["approve, delete"]
    for by, sentence in (
        ("", r"@1 cannot be published by nobody: this registry needs names; say by=$"),
        ("bob", r"nobody has approved it; ask somebody other than its maker$"),
    ):
        with pytest.raises(RefusedError, match=sentence):
            registry.publish(version, by=by)
    for by, sentence in (
        ("", r"@1 cannot be approved by nobody; say by=$"),
        (" Ann ", r"@1 was registered by  Ann , who cannot approve it too; ask somebody else$"),
    ):
        with pytest.raises(RefusedError, match=sentence):
            registry.approve(version, by=by)
    assert [finding.code for finding in registry.unpublishable(version).failures] == ["approval"]
    assert registry.approve(version, by="salma").approved_by == ("salma",)
    assert registry.approve(version, by="salma").approved_by == ("salma",)  # once is enough
    assert registry.screen(name)["actions"].tolist() == ["publish, delete"]
    assert registry.publish(version, by="ann").state == "published"
    assert registry.history(name)[["by", "what"]].values.tolist() == [
        ["ann", "register"], ["bob", "publish"], ["bob", "refuse"], ["salma", "approve"],
        ["ann", "publish"], ["ann", "publish"], ["ann", "champion"],
    ]  # fmt: skip


def test_the_registry_remembers_that_it_needs_approval(place, name, package):
    place(approval=True)
    careless = place()  # opened by somebody who did not ask for it
    version = careless.register(name, package, by="ann")
    with pytest.raises(RefusedError, match="nobody has approved it"):
        careless.publish(version, by="bob")
    nameless = careless.register(name, package)
    with pytest.raises(
        RefusedError, match="@2 was registered by nobody, so nobody can be told from its maker"
    ):
        careless.approve(nameless, by="bob")


# ---- tags, search, screen, deletion ---------------------------------------------------------------


def test_versions_are_found_by_name_state_group_metric_tag_and_lineage(place, name, package):
    registry = place()
    for number, roc_auc in enumerate((0.7, 0.8, 0.9), start=1):
        made = dataclasses.replace(package, lineage={**package.lineage, "data": [f"d{number}", "e5"]})
        registry.register(name, measured(made, roc_auc), group="trust" if number > 1 else None)
    registry.publish(registry.get(name, 2))
    tagged = registry.tag(registry.get(name, 3), {"team": "feed", "note": "slow = dear"}, by="ann")
    assert dict(tagged.tags) == {"team": "feed", "note": "slow = dear"}

    def found(text=name, **asked):
        return registry.search(text, **asked)["number"].tolist()

    assert found() == found(name.upper()) == [1, 2, 3]
    assert found("no such name") == []
    assert found(state="published") == [2] and found(group="trust") == [2, 3]
    assert found(metric="roc_auc > 0.8") == [3] and found(metric="roc_auc>=0.8") == [2, 3]
    assert found(metric="roc_auc < 0.8") == [1] and found(metric="roc_auc = 7e-1") == [1]
    assert found(tags={"team": "feed"}) == [3] and found(tags={"team": "f"}) == []
    assert found(lineage={"data": "d2"}) == [2] and found(lineage={"data": "e5"}) == [1, 2, 3]
    assert found(lineage={"recipe.estimator": "light"}, metric="roc_auc > 0.75", state="in_progress") == [3]
    assert dict(registry.tag(tagged, {"note": None, "team": "trust"}).tags) == {"team": "trust"}
    assert registry.history(name).query("what == 'tag'")[["from", "to"]].fillna("").values.tolist() == [
        ["", "team=feed"], ["", "note=slow = dear"], ["note=slow = dear", ""], ["team=feed", "team=trust"],
    ]  # fmt: skip
    for asked, sentence in (
        (
            {"state": "draft"},
            r"^there is no state 'draft'; expected in_progress, publishing, published, depr",
        ),
        ({"metric": "good"}, r"^'good' is no condition; expected such as 'roc_auc > 0.8'$"),
        ({"metric": "roc_auc > 1.2.3"}, r"^'roc_auc > 1.2.3' is no condition"),
        ({"metric": "rmse < 1"}, r"^no version has a metric 'rmse'; known: roc_auc$"),
    ):
        with pytest.raises(RefusedError, match=sentence):
            registry.search(name, **asked)


def test_the_screen_says_where_each_version_stands_and_what_may_be_done(place, name, package):
    registry = place()
    for roc_auc in (0.7, 0.8):
        registry.publish(
            registry.register(name, measured(package, roc_auc), group="trust", by="ann", now=NOW)
        )
    registry.register(name, measured(package, 0.5, ok=False), by="bob", now=NOW)
    registry.register(name, measured(package, 0.9), by="bob", now=NOW)
    screen = registry.screen(name)
    assert screen.columns.tolist() == [
        "model name", "publish name", "version", "model group", "created", "created by", "status", "actions",
    ]  # fmt: skip
    unfit = "delete; unpublishable: its evaluation failed: compared with a constant"
    assert screen.drop(columns="created").values.tolist() == [
        [name, f"{name}@1", 1, "trust", "ann", "published", "make champion, deprecate"],
        [name, f"{name}@champion", 2, "trust", "ann", "published", "roll back"],
        [name, f"{name}@3", 3, "", "bob", "in_progress", unfit],
        [name, f"{name}@4", 4, "", "bob", "in_progress", "publish, delete"],
    ]
    assert screen["created"].tolist() == [NOW] * 4
    assert "roll back" in screen._repr_html_()


def test_a_deleted_version_is_gone_its_history_and_its_number_are_not(place, name, package):
    registry = place()
    for roc_auc in (0.7, 0.8, 0.9):
        registry.register(name, measured(package, roc_auc))
    last = registry.get(name, 3)
    registry.alias(name, "challenger", 3)
    with pytest.raises(RefusedError, match="@3 cannot be deleted: challenger points to it"):
        registry.delete(last)
    registry.alias(name, "challenger", 1)
    registry.delete(last, by="ann")
    registry.delete(registry.get(name, 2))
    for gone in (
        lambda: registry.load(f"{name}@3"),
        lambda: registry.delete(last),
        lambda: registry.publish(last),
    ):
        with pytest.raises(RefusedError, match=r" has no version 3; known: 1$"):
            gone()
    assert registry.versions(name)["number"].tolist() == [1]
    assert registry.register(name, package).number == 4
    assert registry.history(name).query("what == 'delete'")[["number", "by", "to"]].values.tolist() == [
        [3, "ann", "deleted"], [2, "", "deleted"],
    ]  # fmt: skip


# ---- what only MLflow can suffer ------------------------------------------------------------------


def test_an_artifact_changed_on_the_mlflow_server_is_refused_before_it_is_read(
    server, server_folder, name, package, monkeypatch
):
    registry = MLflowRegistry(server, experiment=name)
    before = set(server_folder.rglob("package.zip"))
    registry.register(name, package)
    (path,) = set(server_folder.rglob("package.zip")) - before
    good = path.read_bytes()
    monkeypatch.setattr("mlsd.registry.asking.unpack", lambda data: pytest.fail("it was read"))
    path.write_bytes(good[:700] + bytes([good[700] ^ 1]) + good[701:])
    with pytest.raises(RefusedError, match=rf"^the artifact of {name}@1 on {server} was changed; restore it"):
        registry.load(f"{name}@1")
    path.unlink()
    with pytest.raises(RefusedError, match=rf"^MLflow at {server}: [^\n]+$"):
        registry.load(f"{name}@1")


def test_a_model_that_others_registered_in_mlflow_is_passed_over(server, name, package):
    registry = MLflowRegistry(server, experiment=name)
    client = registry._ledger._client
    client.create_registered_model(name)
    run, _ = registry._ledger.keep(name, package)
    client.create_model_version(name, client.get_run(run).info.artifact_uri, run_id=run)
    with pytest.raises(RefusedError, match=rf"^there is no model '{name}'; known: "):
        registry.get(name, 1)
    assert registry.versions(name).empty
    assert registry.register(name, package).number == 2


def test_an_mlflow_server_that_does_not_answer_is_one_sentence_within_seconds():
    began = time.monotonic()
    with pytest.raises(
        RefusedError, match=r"^the MLflow server at http://127.0.0.1:\d+ does not answer; start it"
    ):
        MLflowRegistry(f"http://127.0.0.1:{free_port()}")
    assert time.monotonic() - began < 10


def test_an_mlflow_registry_travels_as_its_address(server, name, package):
    registry = MLflowRegistry(server, experiment=name)
    registry.publish(registry.register(name, package))
    again = pickle.loads(pickle.dumps(registry))
    assert (again.uri, again.experiment) == (server, name)
    assert again.load(f"{name}@champion").digest == package.digest
