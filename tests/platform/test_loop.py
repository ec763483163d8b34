"""The closed loop keeps its promises for every kind of drift, and each promise can be broken."""

import dataclasses
import xml.etree.ElementTree as ET

import pandas as pd
import pytest

from mlsd.package import ModelPackage
from mlsd.platform.loop import NAME, Loop, Outcome
from mlsd.platform.page import write_page
from mlsd.platform.plan import Plan
from mlsd.platform.promises import keep_promises, regained
from mlsd.platform.scoring import LocalScorer, Swap
from mlsd.platform.story import Story
from mlsd.platform.workspace import Workspace
from mlsd.report import Finding, RefusedError, Report


def run(kind, folder, state=3):
    plan = Plan(drift=kind, random_state=state)
    workspace, story = Workspace.anew(folder), Story()
    loop = Loop(plan.world(), workspace, lambda w: LocalScorer(w, NAME, "post_id"), plan, story)
    return loop.run(), workspace, story


@pytest.fixture(scope="module")
def concept(tmp_path_factory):
    return run("concept", tmp_path_factory.mktemp("concept") / "w")


def broken(outcome: Outcome, workspace: Workspace) -> set[str]:
    return {f.code for f in keep_promises(outcome, workspace.log, over_http=False).failures}


@pytest.mark.parametrize("kind", ["target", "data", "none"])
def test_promises_hold(kind, tmp_path):
    outcome, workspace, story = run(kind, tmp_path / "w")
    keep_promises(outcome, workspace.log, over_http=False).raise_for_failures()
    assert len(outcome.windows) == 14
    assert (outcome.swap is not None) == (kind == "target")
    assert outcome.packages.keys() == ({1, 2} if kind == "target" else {1})
    page = write_page(tmp_path / "index.html", outcome, keep_promises(outcome, workspace.log, False), story)
    assert "<svg" in page.read_text()


def test_promises_hold_and_the_story_is_told_in_order(concept):
    outcome, workspace, story = concept
    keep_promises(outcome, workspace.log, over_http=False).raise_for_failures()
    told = " | ".join(title for title, _ in story.steps)
    order = ["contract", "trained", "broken posts", "an alert", "retrains", "takes over"]
    assert sorted(order, key=told.index) == order
    alert_at, retrained_on = outcome.alerts[0][0], outcome.retrained_on
    assert f"{retrained_on:,} labelled posts since the trouble began" in [
        x for _, lines in story.steps for x in lines
    ]
    assert outcome.swapped_at >= alert_at


def test_only_what_changed_is_done_again(concept):
    outcome, workspace, _ = concept
    runs = workspace.tracker.runs()
    assert len(runs) == 2 and (runs["status"] == "finished").all()
    assert {p.id for p in outcome.packages.values()} == {run.params["package"] for run in _runs(workspace)}


def _runs(workspace):
    return [workspace.tracker.get(i) for i in workspace.tracker.runs()["id"]]


def test_every_live_window_is_judged_by_the_version_that_answered(concept):
    outcome, _, _ = concept
    judged = [w for w in outcome.windows if w.performance is not None]
    delay = outcome.world.label_delay
    assert [w.end + delay <= outcome.windows[-1].end for w in outcome.windows] == [
        w in judged for w in outcome.windows
    ]
    assert all(w.n > 2000 for w in outcome.windows)


def test_each_promise_can_be_broken(concept):
    outcome, workspace, _ = concept
    replace = dataclasses.replace
    assert broken(outcome, workspace) == set()
    assert broken(replace(outcome, rejected=outcome.rejected.iloc[1:]), workspace) == {"quarantined"}
    assert broken(replace(outcome, faults=[]), workspace) == {"quarantined"}
    sound = outcome.world.frame.head(2000)
    assert broken(replace(outcome, rejected=pd.concat([outcome.rejected, sound])), workspace) == {
        "quarantined"
    }
    before = outcome.windows[0].end
    assert broken(replace(outcome, alerts=[(before, Report("early"))]), workspace) == {"quiet"}
    assert broken(replace(outcome, alerts=[]), workspace) == {"named"}
    other = Report("diagnosis", (Finding("diagnosis", value="data drift"),))
    assert broken(replace(outcome, diagnoses=[(before, other)]), workspace) == {"named"}
    assert broken(replace(outcome, retrained_on=4_999), workspace) == {"retrained"}
    stopped = Report("gate", (Finding("beats_constant", ok=False),))
    assert broken(replace(outcome, verdict=stopped), workspace) == {"retrained"}


def test_the_promises_of_the_swap_can_be_broken(concept):
    outcome, workspace, _ = concept
    swap, replace = outcome.swap, dataclasses.replace

    def with_swap(changed: Swap | None):
        return broken(replace(outcome, swap=changed), workspace)

    lost = dict(list(swap.answered.items())[1:])
    assert with_swap(replace(swap, answered=lost)) == {"swapped"}
    never_logged = outcome.rejected[outcome.world.key].iloc[0]
    extra = (*swap.sent, never_logged)
    assert with_swap(replace(swap, sent=extra, answered=swap.answered | {never_logged: 2})) == {"swapped"}
    assert with_swap(replace(swap, answered=dict.fromkeys(swap.sent, 1))) == {"both versions"}
    assert with_swap(None) == {"swapped"}
    same = replace(outcome, packages={1: outcome.packages[1], 2: outcome.packages[1]})
    assert broken(same, workspace) == {"regained"}
    # over HTTP, enough requests must have been in flight: this loop sent one at a time
    assert {f.code for f in keep_promises(outcome, workspace.log).failures} == {"swapped"}


def test_what_was_regained_is_measured_on_the_same_posts(concept):
    outcome, _, _ = concept
    won = regained(outcome)
    after = outcome.world.frame[outcome.world.frame["posted_at"] >= outcome.swapped_at]
    assert won.n == len(after)
    assert won.ceiling < won.new < won.old


def test_a_world_that_does_not_drift_breaks_its_promise_when_alerted(concept):
    outcome, workspace, _ = concept
    quiet = dataclasses.replace(
        outcome, plan=Plan(drift="none"), world=Plan(drift="none", random_state=3).world()
    )
    assert broken(quiet, workspace) == {"quiet", "named", "left alone"}


def test_the_page_is_one_file_for_light_and_dark(concept, tmp_path):
    outcome, workspace, story = concept
    report = keep_promises(outcome, workspace.log)
    text = write_page(tmp_path / "index.html", outcome, report, story).read_text()
    for outside in ("http://", "https://", "src=", "url("):
        allowed = {"http://": ["http://www.w3.org/", "http://127.0.0.1"], "url(": ["url(#"]}.get(outside, [])
        found = [text[i : i + 30] for i in range(len(text)) if text.startswith(outside, i)]
        assert not [f for f in found if not any(f.startswith(a) for a in allowed)], outside
    body = text[text.index("<body>") : text.index("</body>") + 7]
    ET.fromstring(body.replace("&nbsp;", " "))  # every tag is closed, every picture well formed
    assert body.count("class='light'") == body.count("class='dark'") == 3
    assert all(f.code in body for f in report)
    assert "broken" in body  # the one promise that this loop cannot keep: it made no real requests


def test_the_published_packages_are_what_the_registry_gives_back(concept):
    outcome, workspace, _ = concept
    posts = outcome.world.frame.head(500)
    for number, package in outcome.packages.items():
        loaded = workspace.registry.load(f"{NAME}@{number}")
        assert isinstance(loaded, ModelPackage)
        assert (loaded.predict(posts) == package.predict(posts)).all()


def test_plan_and_workspace_refuse_in_one_sentence(tmp_path):
    with pytest.raises(
        RefusedError, match="drift is 'covariate'; expected one of concept, data, target, none"
    ):
        Plan(drift="covariate")
    with pytest.raises(RefusedError, match="expected a whole number, 0 or more"):
        Plan(random_state=-1)
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(RefusedError, match="holds other files; choose a new folder"):
        Workspace.anew(tmp_path)
    with pytest.raises(RefusedError, match="is a file; choose a folder"):
        Workspace.anew(tmp_path / "mine.txt")
    assert (tmp_path / "mine.txt").read_text() == "precious"
    Workspace.anew(tmp_path / "w").registry_folder.mkdir()
    assert not Workspace.anew(tmp_path / "w").registry_folder.exists()
