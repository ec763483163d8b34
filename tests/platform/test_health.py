"""The health of a model: each cause of trouble gives its own card, title and advice, on a page of its own."""

import html.parser
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mlsd.monitoring import detect_drift, judge_performance
from mlsd.platform import Health, health_report
from mlsd.platform.health_page import page
from mlsd.platform.health_words import ADVICE, length
from mlsd.platform.watch import Window
from mlsd.prediction_log import PredictionLog
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError, Report
from mlsd.training import Recipe, train

BEGIN = pd.Timestamp("2024-03-04T00:00Z")
DAYS, A_DAY = 8, 1_500


def features(n, seed, moved=0.0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"links": rng.normal(moved, 1, n), "likes": rng.gamma(2, 3, n), "topic": rng.choice(list("abc"), n)}
    )


@pytest.fixture(scope="module")
def package():
    frame = features(6_000, 0)
    chance = 1 / (1 + np.exp(1 - 2 * frame["links"]))
    frame["spam"] = np.random.default_rng(1).uniform(size=len(frame)) < chance
    return train(frame, Recipe(target="spam", random_state=0))


def live(package, folder, *, moved=0.0, upside_down=False, labels=True, change=lambda x: x, skew=0.0, seed=2):
    """Write a log of eight days; from the fifth on, something may happen. Truth is drawn from the model's own
    answers, so that it is calibrated until the labels are turned upside down."""
    log, rng = PredictionLog(folder / "log.db"), np.random.default_rng(seed)
    for day in range(DAYS):
        late = day >= DAYS // 2
        frame = features(A_DAY, [seed, day], moved * late)
        p = package.predict(frame)
        y = rng.uniform(size=A_DAY) < (1 - p if upside_down and late else p)
        at = BEGIN + pd.to_timedelta(day + np.sort(rng.uniform(size=A_DAY)), unit="D")
        frame = change(frame) if late else frame
        p = np.clip(p + skew * late, 0, 1)
        rows = zip(at, frame.to_dict("records"), p.tolist(), strict=True)
        ids = [f"{day}-{i}" for i in range(A_DAY)]
        log.extend((id, when, 1, row, answer) for id, (when, row, answer) in zip(ids, rows, strict=True))
        if labels:
            log.label_many(zip(ids, y.tolist(), at + pd.Timedelta("6h"), strict=True))
    return log


def report(package, log, **options):
    return health_report(package, log, name="spam", **options)


def words(health):
    return [finding.value for finding in health.card]


@pytest.fixture(scope="module")
def well(package, tmp_path_factory):
    return report(package, live(package, tmp_path_factory.mktemp("well")))


@pytest.fixture(scope="module")
def flipped(package, tmp_path_factory):
    return live(package, tmp_path_factory.mktemp("flipped"), upside_down=True)


@pytest.fixture(scope="module")
def wrong(package, flipped):
    return report(package, flipped)


# ---- each cause has its card -----------------------------------------------------------------------


def test_a_healthy_model_is_left_alone(well):
    assert words(well) == ["Yes", "Yes", "Yes"]
    assert well.card.ok
    assert well.kind == "no drift"
    assert well.title == "spam@1 is as good as it promised, on inputs like those it learned from"
    assert well.advice == ("Do nothing.",)


def test_concept_drift_shows_in_the_labels_only(wrong):
    assert words(wrong) == ["Yes", "Yes", "No"]
    assert wrong.title == "spam@1 is worse than it promised: concept drift"
    assert wrong.advice[0].startswith("Label recent rows")


def test_before_the_drift_its_labels_are_not_known(package, flipped):
    """The report of day four is the one of a world in which nothing happens later."""
    then = report(package, flipped, end=BEGIN + pd.Timedelta("4D"))
    assert words(then) == ["Yes", "Yes", "Yes"]
    assert len(then.windows) == 4
    assert " 0 are out" not in str(then)  # those of the last six hours are


def test_inputs_that_moved_without_harm_ask_for_nothing(package, tmp_path):
    health = report(package, live(package, tmp_path, moved=1.0))
    assert words(health) == ["Yes", "No", "Yes"]
    assert health.card.ok  # drift is not harm
    assert health.kind == "data drift"
    assert health.title == "The inputs moved, and spam@1 is still as good as it promised"
    assert health.advice[0].startswith("Do nothing to the model")
    assert "links:" in str(health)


def test_without_labels_the_model_s_own_expectation_is_told(package, tmp_path):
    health = report(package, live(package, tmp_path, labels=False))
    assert words(health) == ["Yes", "Yes", "Unknown"]
    assert health.title == "The inputs are the same; whether spam@1 is still right is not known yet"
    assert health.advice[0].startswith("Bring labels back")
    assert "accuracy 0." in str(health) and "a concept drift does not show here" in str(health)


def test_moved_inputs_without_labels_wait_for_labels_until_a_day(package, tmp_path):
    log = live(package, tmp_path, moved=1.0)
    health = report(package, log, end=BEGIN + pd.Timedelta("7D"), start=BEGIN + pd.Timedelta("3D"))
    assert health.kind == "cannot tell yet"
    (advice,) = health.advice
    assert advice.startswith("Wait for labels until about 11 March 2024 (2,6")  # 1,500 a day, 4,000 needed


def test_broken_rows_are_a_data_fault(package, tmp_path):
    health = report(package, live(package, tmp_path, change=lambda x: x.assign(likes=x["likes"] - 1e6)))
    assert health.card.findings[1].failed
    assert "100.0% of the last window's rows break the contract" in str(health)
    assert health.title in (
        "spam@1 receives broken rows",
        "spam@1 answers in service otherwise than in training",
    )


def test_answers_that_the_package_would_not_give_are_skew(package, tmp_path):
    health = report(package, live(package, tmp_path, skew=0.05))
    assert health.card.findings[1].failed
    assert health.title == "spam@1 answers in service otherwise than in training"
    assert health.advice == ADVICE["training-serving skew"]


def test_silence_is_told_first(package, flipped):
    health = report(package, flipped, end=BEGIN + pd.Timedelta("14D"))
    assert words(health)[0] == "No"
    assert health.title == "spam@1 has stopped answering"
    assert "no prediction since 11 March 2024, 6 days ago" in str(health)


def test_labels_later_than_the_last_prediction_are_no_silence(package, flipped):
    flipped.label("7-0", True, BEGIN + pd.Timedelta("30D"))
    assert words(report(package, flipped))[0] == "Yes"


def test_a_version_that_was_replaced_is_not_down(package, tmp_path):
    log = live(package, tmp_path)
    later = BEGIN + pd.Timedelta("10D")
    log.append("new", later, 2, features(1, 9).iloc[0].to_dict(), 0.5)
    health = report(package, log, version=1)
    assert words(health) == ["Replaced", "Yes", "Yes"]
    assert health.card.ok and health.title.startswith("spam@1 is as good as it promised")
    assert report(package, log).model == "spam@2"  # the one that answered last
    assert "no window holds 50 rows" in str(report(package, log))


def test_labels_that_stop_are_something_to_watch(package, tmp_path):
    log = live(package, tmp_path)
    frame = features(A_DAY, 77)
    for day in (8, 9):
        at = BEGIN + pd.to_timedelta(day + np.linspace(0, 0.99, A_DAY), unit="D")
        rows = zip(at, frame.to_dict("records"), package.predict(frame).tolist(), strict=True)
        log.extend((f"{day}-{i}", when, 1, row, p) for i, (when, row, p) in enumerate(rows))
    health = report(package, log, end=BEGIN + pd.Timedelta("11D"))
    assert words(health)[2] == "Watch"
    assert "labels stopped arriving" in str(health)


def test_requests_that_fail_make_it_ill(package, flipped):
    at = pd.date_range(BEGIN, periods=200, freq="min")
    requests = pd.DataFrame({"at": at, "seconds": 0.01, "status": [200] * 100 + [500] * 100})
    health = report(package, flipped, requests=requests)
    assert health.card.findings[0].failed
    assert "100 of 200 requests failed" in str(health)
    assert health.absent == ()
    good = report(package, flipped, requests=requests.assign(status=200))
    assert words(good)[0] == "Yes" and "0 of 200 requests failed" in str(good)


@pytest.mark.parametrize("task", ["regression", "ranking"])
def test_a_loss_that_was_never_promised_is_not_judged(package, flipped, task):
    other = replace(package, task=task, report=Report("none"))
    health = report(other, flipped)
    assert words(health)[2] == "Unknown"
    assert "promised no loss" in str(health)


def test_several_classes_are_judged_too(tmp_path):
    frame = features(3_000, 0)
    frame["kind"] = np.random.default_rng(5).choice(["ad", "news", "spam"], len(frame))
    package = train(frame, Recipe(target="kind", random_state=0))
    live_rows = features(1_200, 6)
    p = package.predict(live_rows)
    y = (p.cumsum(axis=1) < np.random.default_rng(7).uniform(size=(len(p), 1))).sum(axis=1)
    log, at = (
        PredictionLog(tmp_path / "log.db"),
        BEGIN + pd.to_timedelta(np.linspace(0, 1.9, 1_200), unit="D"),
    )
    answers = zip(at, live_rows.to_dict("records"), package.answers(p), strict=True)
    log.extend((str(i), when, "a", row, answer) for i, (when, row, answer) in enumerate(answers))
    log.label_many((str(i), package.classes[k], at[i] + pd.Timedelta("1h")) for i, k in enumerate(y))
    health = report(package, log, end=BEGIN + pd.Timedelta("2D"))
    assert health.model == "spam@a"
    assert words(health) == ["Yes", "Yes", "Yes"]


# ---- the page --------------------------------------------------------------------------------------


class Seen(html.parser.HTMLParser):
    """Collects tags and what they lead to."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.leads, self.said = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.leads += [value for name, value in attrs if name.endswith(("href", "src", "action"))]

    def handle_data(self, data):
        self.said += data


def test_the_page_is_one_file_that_asks_for_nothing(wrong, tmp_path):
    text = wrong.save(tmp_path / "new" / "health.html").read_text(encoding="utf-8")
    seen = Seen(text)
    assert text.startswith("<!doctype html>")
    assert not {"script", "link", "iframe", "img", "form"} & set(seen.tags)
    assert [lead for lead in seen.leads if not lead.startswith("#")] == []
    assert "@import" not in text and "url(http" not in text
    assert f"<title>{wrong.title}</title>" in text
    for finding in wrong.card:
        assert finding.subject in seen.said and finding.message in seen.said
    assert all(line in seen.said for line in wrong.advice)
    assert seen.tags.count("svg") == 4  # two pictures, each by day and by night
    assert "prefers-color-scheme: dark" in text and "@media print" in text
    assert len(text.encode()) < 200_000


def test_a_notebook_shows_the_same_without_a_second_page(wrong):
    text = wrong._repr_html_()
    seen = Seen(text)
    assert not {"html", "body", "head", "title", "script"} & set(seen.tags)
    assert seen.tags.count("img") == 2  # once each, for both grounds
    assert all(lead.startswith("data:image/svg+xml;base64,") for lead in seen.leads)
    assert wrong.title in seen.said and wrong.advice[-1] in seen.said
    rules = text[text.index("<style>") + 7 : text.index("</style>")]
    names = re.findall(r"([^{}]+){", re.sub(r"@media[^{]*{", "", rules))
    assert len(names) > 20
    assert all(
        name.strip().startswith(".mlsd-health") for name in names
    )  # nothing else of the notebook changes


def test_many_columns_and_windows_still_make_a_small_page():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(2_000, 120)), columns=[f"column_{i:03d}" for i in range(120)])
    reference = Profile.of(frame)
    drift = detect_drift(reference, Profile.of(frame + 1, like=reference))
    p = rng.uniform(size=1_000)
    performance = judge_performance(rng.uniform(size=1_000) < p, p, task="binary")
    days = pd.date_range(BEGIN, periods=28, freq="D")
    windows = tuple(Window(at, at + pd.Timedelta("1D"), 2_000, drift, performance) for at in days)
    card = Report("health", tuple(Finding(code, code, value="Yes") for code in ("up", "inputs", "right")))
    diagnosis = Report("diagnosis", (Finding("diagnosis", value="data drift"),))
    health = Health("wide@1", days[-1], card, windows, Report("labels"), diagnosis)
    text = page(health)
    assert len(text.encode()) < 200_000
    assert "and 110 more" in text and text.count("<tr>") == 10


def test_names_from_outside_stay_words(package):
    nasty = "<script>alert('x')</script>"
    card = Report("health", tuple(Finding(code, nasty, value="No", message=nasty) for code in "abc"))
    drift = Report("drift", (Finding("drift", nasty, ok=False, value=0.5, limit=0.1, message=nasty),))
    window = Window(BEGIN, BEGIN + pd.Timedelta("1D"), 100, drift)
    diagnosis = Report(
        "d", (Finding("diagnosis", value="data drift", message=nasty), Finding("x", message=nasty))
    )
    health = Health(
        nasty, BEGIN, card, (window,), Report("l", (Finding("y", message=nasty),)), diagnosis, (nasty,)
    )
    for text in (health._repr_html_(), page(health)):
        assert "script" not in Seen(text).tags


def test_the_text_says_what_the_page_says(wrong):
    text = str(wrong)
    assert text.splitlines()[0] == wrong.title
    assert [
        line for line in ("What changed", "Does it hurt?", "What to do") if line not in text.splitlines()
    ] == []
    assert "<" not in text


# ---- bad input -------------------------------------------------------------------------------------


def test_an_empty_log(package, tmp_path):
    with pytest.raises(RefusedError, match=r"log\.db holds no prediction yet: serve with --log"):
        report(package, PredictionLog(tmp_path / "log.db"))


def test_a_window_without_rows_says_where_the_rows_are(package, flipped):
    with pytest.raises(RefusedError, match="in this time; it reaches from 4 March 2024 to 11 March 2024"):
        report(package, flipped, start="2030-01-01T00:00Z")


def test_a_version_that_never_answered(package, flipped):
    with pytest.raises(RefusedError, match="no prediction of version 7; it holds: 1"):
        report(package, flipped, version=7)


def test_the_log_of_another_model(package, tmp_path):
    log = PredictionLog(tmp_path / "log.db")
    log.append("a", BEGIN, 1, {"price": 3.0}, 0.5)
    with pytest.raises(RefusedError, match="holds no links, likes, topic, which the model of spam needs"):
        report(package, log)


def test_labels_of_another_model(package, tmp_path):
    log = live(package, tmp_path, labels=False)
    log.label_many((f"0-{i}", "yes", BEGIN + pd.Timedelta("2D")) for i in range(600))
    with pytest.raises(RefusedError, match="holds 'yes', which is none of the 2 classes"):
        report(package, log)


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"every": "soon"}, "every is 'soon'; expected a length such as '1D'"),
        ({"every": "0s"}, "every is '0s'; expected a length above 0"),
        ({"every": "1min", "start": BEGIN}, "these are 11,5.. windows; expected at most 366"),
        ({"start": "2024-03-04"}, "start is 2024-03-04T00:00:00, which names no time zone"),
        ({"end": "later"}, "end is no moment"),
        ({"start": "2024-03-05T00:00Z", "end": "2024-03-04T00:00Z"}, "expected start before end"),
    ],
    ids=["length", "nothing", "many", "zone", "moment", "order"],
)
def test_times_that_cannot_be(package, flipped, options, sentence):
    with pytest.raises(RefusedError, match=sentence):
        report(package, flipped, **options)


def test_a_page_that_cannot_be_written_leaves_nothing(well, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RefusedError, match="choose a folder you may write to"):
        well.save(tmp_path / "file" / "health.html")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_lengths_in_words():
    assert length(pd.Timedelta("1D")) == "1 day"
    assert length(pd.Timedelta("6h")) == "6 hours"
    assert length(pd.Timedelta("90s")) == "1.5 minutes"
