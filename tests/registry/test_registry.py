"""What may be published, what is served, who did it when - with real packages."""

import dataclasses
import pickle
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mlsd.package import PackageSource
from mlsd.registry import Registry, Version
from mlsd.report import Finding, RefusedError, Report
from tests.hardship import small_package

ROWS = pd.DataFrame({"links": [-1.0, 0.0, 2.0], "likes": [0.0, 0.5, 1.0]})
NOW = pd.Timestamp("2024-02-05T10:00Z")


@pytest.fixture
def registry(tmp_path):
    return Registry(tmp_path / "registry")


def filled(registry, package, count=3, published=0):
    versions = [registry.register("spam", package.with_report(Report(str(n), package.report.findings)))
                for n in range(count)]  # fmt: skip
    for version in versions[:published]:
        registry.publish(version)
    return [registry.get("spam", version.number) for version in versions]


# ---- the way of a version -------------------------------------------------------------------------


def test_the_way_of_a_version(registry, package):
    first = registry.register("spam", package, group="trust", by="ann", now=NOW)
    assert first == Version(
        "spam", 1, "in_progress", "trust", NOW, "ann", package.id, package.digest, aliases=(),
        lineage={"data": "d1", "recipe.estimator": "lightgbm", "libraries.lightgbm": "4"},
    )  # fmt: skip
    published = registry.publish(first, by="bob", now=NOW)
    assert (published.state, published.aliases) == ("published", ("champion",))
    second = registry.publish(registry.register("spam", package))
    assert (second.number, registry.resolve("spam@champion")) == (2, 2)
    assert registry.get("spam", 1).aliases == ()
    assert registry.rollback("spam", by="eve").number == 1
    assert registry.deprecate(second).state == "deprecated"
    history = registry.history("spam")
    assert history.columns.tolist() == ["at", "by", "number", "what", "from", "to"]
    assert history.drop(columns=["at", "by"]).astype(object).where(history.notna(), None).values.tolist() == [
        [1, "register", None, "in_progress"],
        [1, "publish", "in_progress", "publishing"],
        [1, "publish", "publishing", "published"],
        [1, "champion", None, "1"],
        [2, "register", None, "in_progress"],
        [2, "publish", "in_progress", "publishing"],
        [2, "publish", "publishing", "published"],
        [2, "champion", "1", "2"],
        [1, "roll back", "2", "1"],
        [2, "deprecate", "published", "deprecated"],
    ]  # fmt: skip
    assert history["by"].tolist() == ["ann", "bob", "bob", "bob", "", "", "", "", "eve", ""]
    assert history["at"][:4].tolist() == [NOW] * 4
    assert str(history["at"].dtype).endswith("UTC]") and history["at"][4:].is_monotonic_increasing


def test_a_loaded_package_predicts_bit_for_bit(registry, package):
    registry.publish(registry.register("spam", package))
    for reference in ("spam@champion", "spam@1", "models:/spam@champion", "models:/spam/1"):
        assert registry.resolve(reference) == 1
        loaded = registry.load(reference)
        assert (loaded.id, loaded.digest) == (package.id, package.digest)
        np.testing.assert_array_equal(loaded.predict(ROWS), package.predict(ROWS))


def test_a_scikit_learn_model_is_kept_too(registry, package):
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression().fit(ROWS.to_numpy(), [0, 1, 1])
    linear = dataclasses.replace(package, model=model)
    registry.publish(registry.register("spam", linear))
    np.testing.assert_array_equal(registry.load("spam@champion").predict(ROWS), linear.predict(ROWS))


def test_models_are_numbered_apart_and_listed_together(registry, package):
    for name in ("feed", "spam", "feed"):
        registry.register(name, package, group="g")
    table = registry.versions()
    assert list(zip(table["name"], table["number"], strict=True)) == [("feed", 1), ("feed", 2), ("spam", 1)]
    assert registry.versions("spam")["number"].tolist() == [1]
    assert set(table["state"]) == {"in_progress"} and set(table["group"]) == {"g"}
    assert registry.versions("other").empty and registry.history("other").empty
    registry.publish(registry.get("feed", 2))
    assert registry.versions("feed")["aliases"].tolist() == ["", "champion"]
    assert repr(registry) == (
        "Registry(registry): 2 models\n  feed: 2 versions, champion 2\n  spam: 1 version, champion none"
    )


def test_a_registry_is_a_package_source_and_travels_as_its_folder(registry, package):
    source: PackageSource = pickle.loads(pickle.dumps(registry))
    registry.publish(registry.register("spam", package))
    assert source.resolve("spam@champion") == 1
    assert source.load("spam@champion").digest == package.digest


def test_every_change_waits_for_the_disk(registry):
    assert registry._ledger.database.read("PRAGMA synchronous")[0][0] == 2  # FULL: survives a power cut


# ---- what speaks against a version ----------------------------------------------------------------


def unfit(package):
    return {
        "a failed evaluation": (
            package.with_report(
                Report("g", (Finding("better", ok=False, message="no better than a constant"),))
            ),
            ("evaluation", "its evaluation failed: no better than a constant"),
        ),
        "no evaluation": (
            package.with_report(Report("g")),
            ("evaluation", "it was not evaluated: its report is empty; evaluate it and register it again"),
        ),
        "no lineage of data": (
            dataclasses.replace(package, lineage={**package.lineage, "data": ""}),
            ("lineage", "its lineage lacks the digest of the data it was trained on"),
        ),
        "a schema of something else": (
            dataclasses.replace(package, schema=package.schema.select(["links", "spam"])),
            ("schema", "its schema does not describe the inputs likes"),
        ),
    }


@pytest.mark.parametrize("why", unfit(small_package()))
def test_an_unfit_version_is_refused_with_computed_reasons(registry, package, why):
    candidate, reason = unfit(package)[why]
    version = registry.register("spam", candidate)
    report = registry.unpublishable(version)
    assert [(finding.code, finding.message) for finding in report.failures] == [reason]
    with pytest.raises(RefusedError, match=reason[1]) as refused:
        registry.publish(version, by="ann")
    assert refused.value.report == report
    assert registry.get("spam", 1) == version  # in progress again
    assert registry.history("spam")["what"].tolist() == ["register", "publish", "refuse"]
    with pytest.raises(
        RefusedError, match=r"^spam has no alias 'champion'; known: none yet: publish a version$"
    ):
        registry.resolve("spam@champion")


def test_a_fit_version_has_nothing_against_it(registry, package):
    report = registry.unpublishable(registry.register("spam", package))
    assert report.ok and {finding.code for finding in report} == {"evaluation", "schema", "lineage"}


def test_a_warning_in_its_report_does_not_stop_a_version(registry, package):
    warned = Report("g", (*package.report.findings, Finding("slice", ok=False, severity="warning")))
    assert registry.publish(registry.register("spam", package.with_report(warned))).state == "published"


def test_publishing_the_champion_again_changes_nothing(registry, package):
    champion = registry.publish(registry.register("spam", package))
    before = registry.history("spam")
    assert registry.publish(champion) == champion
    pd.testing.assert_frame_equal(registry.history("spam"), before)


def test_a_publication_that_was_interrupted_can_be_made_again(registry, package):
    version = registry.register("spam", package)
    registry._ledger.change(version, state="publishing")  # as after kill -9
    assert registry.publish(version).aliases == ("champion",)


# ---- refusals -------------------------------------------------------------------------------------


def test_illegal_moves_are_refused_and_leave_no_trace(registry, package):
    first, second, third = filled(registry, package, 3, published=2)
    before = registry.history("spam")
    with pytest.raises(
        RefusedError,
        match=r"^spam@1 is published already; alias\('spam', 'champion', 1\) makes it the champion",
    ):
        registry.publish(first)
    with pytest.raises(
        RefusedError,
        match=r"^spam@2 is the champion and cannot be deprecated; publish another version or roll",
    ):
        registry.deprecate(second)
    with pytest.raises(
        RefusedError,
        match=r"^spam@3 is in_progress and cannot become deprecated; an in_progress version can become publishing$",
    ):
        registry.deprecate(third)
    with pytest.raises(
        RefusedError, match=r"^spam@3 is in_progress; the champion must be published: publish it$"
    ):
        registry.alias("spam", "champion", 3)
    pd.testing.assert_frame_equal(registry.history("spam"), before)
    registry.deprecate(first)
    with pytest.raises(
        RefusedError,
        match=r"^spam@1 is deprecated and cannot become publishing; a deprecated version stays what",
    ):
        registry.publish(first)


def test_aliases_point_where_they_are_told(registry, package):
    filled(registry, package, 3, published=2)
    assert registry.alias("spam", "challenger", 3, by="ann").aliases == ("challenger",)
    assert registry.alias("spam", "champion", 1).aliases == ("champion",)
    assert (registry.resolve("spam@challenger"), registry.resolve("spam@champion")) == (3, 1)
    length = len(registry.history("spam"))
    registry.alias("spam", "champion", 1)  # it does already
    assert len(registry.history("spam")) == length
    assert registry.history("spam")["what"].tolist()[-2:] == ["challenger", "champion"]


def test_rolling_back_goes_back_step_by_step(registry, package):
    filled(registry, package, 4, published=4)
    registry.deprecate(registry.get("spam", 2))
    assert [registry.rollback("spam").number for _ in range(2)] == [3, 1]  # 2 is no longer published
    with pytest.raises(
        RefusedError, match=r"^spam has no earlier champion that is still published; publish a version$"
    ):
        registry.rollback("spam")
    registry.alias("spam", "champion", 4)
    assert registry.rollback("spam").number == 1


UNKNOWN = {
    "a model": (lambda r: r.resolve("spma@champion"), r"^there is no model 'spma'; known: spam$"),
    "a model by number": (lambda r: r.load("spma@1"), r"^there is no model 'spma'; known: spam$"),
    "an alias": (lambda r: r.resolve("spam@champ"), r"^spam has no alias 'champ'; known: champion$"),
    "a version": (lambda r: r.resolve("spam@9"), r"^spam has no version 9; known: 1 to 2$"),
    "an endless number": (
        lambda r: r.load("spam@" + "9" * 40),
        r"^spam has no version 9{40}; known: 1 to 2$",
    ),
    "a version to get": (lambda r: r.get("spam", 0), r"^spam has no version 0; known: 1 to 2$"),
    "text as number": (lambda r: r.get("spam", "1"), r"^spam has no version '1'; known: 1 to 2$"),
    "a version to point to": (lambda r: r.alias("spam", "x", 7), r"^spam has no version 7; known: 1 to 2$"),
    "a model to roll back": (lambda r: r.rollback("feed"), r"^there is no model 'feed'; known: spam$"),
    "no reference": (lambda r: r.load("spam"), r"^'spam' refers to no version; expected 'name@champion'"),
    "an alias that is a number": (
        lambda r: r.alias("spam", "7", 1),
        r"^the alias is '7', which reads as a version",
    ),
    "an alias of two words": (
        lambda r: r.alias("spam", "a b", 1),
        r"^the alias is 'a b'; expected at most 100 let",
    ),
    "text as version": (
        lambda r: r.publish("spam@1"),
        r"^got 'spam@1'; expected a Version, as register and get",
    ),
    "a model that is no package": (
        lambda r: r.register("spam", object()),
        r"^spam was given a object; expected a Mo",
    ),
    "a bad name": (
        lambda r: r.register("a/b", None),
        r"^the model's name is 'a/b'; expected at most 100 letters",
    ),
    "a bad group": (
        lambda r: r.register("a", None, group="ä"),
        r"^the group is 'ä'; expected at most 100 letters",
    ),
    "nobody": (
        lambda r: r.rollback("spam", by=None),
        r"^by is None; expected the name of whoever does this, as text$",
    ),
    "no time zone": (
        lambda r: r.rollback("spam", now=pd.Timestamp("2024-02-05")),
        r"^now is 2024-02-05T00:00:00, which names no time zone; expected UTC",
    ),
}


@pytest.fixture(scope="module")
def two_versions(tmp_path_factory, package):
    registry = Registry(tmp_path_factory.mktemp("two"))
    filled(registry, package, 2, published=1)
    return registry


@pytest.mark.parametrize(("ask", "sentence"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_not_there_is_one_sentence(two_versions, ask, sentence):
    before = two_versions.history("spam")
    with pytest.raises(ValueError, match=sentence):
        ask(two_versions)
    pd.testing.assert_frame_equal(two_versions.history("spam"), before)


def test_an_empty_registry_says_what_to_do(registry):
    with pytest.raises(RefusedError, match=r"^there is no model 'spam'; known: none yet: register one$"):
        registry.load("spam@champion")
    assert repr(registry) == "Registry(registry): 0 models"
    assert registry.versions().columns.tolist() == list(Version.__dataclass_fields__)


# ---- laws -----------------------------------------------------------------------------------------


class AnyOrder(RuleBasedStateMachine):
    """Whatever is asked in whatever order, the registry agrees with a plain model of itself."""

    package = None
    places = None

    @initialize()
    def start(self):
        type(self).package = self.package or small_package()
        self.registry = Registry(self.places.mktemp("law"))
        self.states, self.champions = [], []  # states by number - 1; the champions, newest last

    @rule(fit=st.booleans())
    def register(self, fit):
        report = Report("g", (Finding("better", ok=fit, message="compared"),))
        version = self.registry.register("spam", self.package.with_report(report))
        self.states.append("in_progress" if fit else "unfit")
        assert version.number == len(self.states)

    @rule(number=st.integers(1, 4))
    def publish(self, number):
        state = self._state(number)
        if self._happens(lambda: self.registry.publish(self._version(number)), state == "in_progress"
                         or (state == "published" and self.champions[-1:] == [number])):  # fmt: skip
            self.states[number - 1] = "published"
            self._crown(number)

    @rule(number=st.integers(1, 4))
    def deprecate(self, number):
        legal = self._state(number) == "published" and self.champions[-1:] != [number]
        if self._happens(lambda: self.registry.deprecate(self._version(number)), legal):
            self.states[number - 1] = "deprecated"

    @rule(number=st.integers(1, 4))
    def crown(self, number):
        legal = self._state(number) == "published"
        if self._happens(lambda: self.registry.alias("spam", "champion", number), legal):
            self._crown(number)

    @rule()
    def roll_back(self):
        past = self._past()
        if self._happens(lambda: self.registry.rollback("spam"), bool(past)):
            self.champions = past

    @invariant()
    def they_agree(self):
        if not hasattr(self, "registry") or not self.states:
            return
        table = self.registry.versions("spam")
        assert table["number"].tolist() == list(range(1, len(self.states) + 1))
        kept = ["in_progress" if state == "unfit" else state for state in self.states]
        assert table["state"].tolist() == kept
        assert self.registry.screen("spam")["actions"].tolist() == [
            self._actions(number) for number in table["number"]
        ]
        champions = table.loc[table["aliases"] == "champion", "number"].tolist()
        assert champions == self.champions[-1:]
        for number in champions:
            assert self.registry.resolve("spam@champion") == number and kept[number - 1] == "published"

    def teardown(self):
        if hasattr(self, "registry"):
            self.registry._ledger.database.close()

    def _state(self, number):
        return self.states[number - 1] if number <= len(self.states) else None

    def _past(self):
        """The champions up to the one that a roll-back returns to."""
        past = list(self.champions)
        while past and (past[-1] == self.champions[-1] or self._state(past[-1]) != "published"):
            past.pop()
        return past

    def _actions(self, number):
        """What the screen must offer: exactly the calls that the rules above find legal."""
        if self.champions[-1:] == [number]:
            return "roll back" if self._past() else ""
        return {
            "in_progress": "publish, delete",
            "unfit": "delete; unpublishable: its evaluation failed: compared",
            "published": "make champion, deprecate",
            "deprecated": "delete",
        }[self._state(number)]

    def _version(self, number):
        if number <= len(self.states):
            return self.registry.get("spam", number)
        return Version("spam", number, "in_progress", None, NOW, "", "", "")

    def _crown(self, number):
        if self.champions[-1:] != [number]:
            self.champions.append(number)

    def _happens(self, act, legal):
        if legal:
            act()
        else:
            with pytest.raises(RefusedError):
                act()
        return legal


def test_any_order_of_calls_agrees_with_a_plain_model(tmp_path_factory, package):
    from hypothesis.stateful import run_state_machine_as_test

    AnyOrder.package, AnyOrder.places = package, tmp_path_factory
    run_state_machine_as_test(
        AnyOrder, settings=settings(max_examples=12, stateful_step_count=15, deadline=None)
    )


def test_threads_always_see_one_champion_while_others_publish(registry, package):
    versions = filled(registry, package, 12, published=1)
    seen, stop = [], threading.Event()

    def watch():
        while not stop.is_set():
            number = registry.resolve("spam@champion")
            seen.append((number, registry.get("spam", number).state))

    watchers = [threading.Thread(target=watch) for _ in range(3)]
    for watcher in watchers:
        watcher.start()
    publishers = [
        threading.Thread(target=lambda mine=mine: [registry.publish(version) for version in mine])
        for mine in (versions[1::2], versions[2::2])
    ]
    for publisher in publishers:
        publisher.start()
    for publisher in publishers:
        publisher.join()
    stop.set()
    for watcher in watchers:
        watcher.join()
    assert {state for _, state in seen} == {"published"}
    assert set(registry.versions("spam")["state"]) == {"published"}
