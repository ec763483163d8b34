"""The search: a planted weak spot is named alone, and nothing is named where there is none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from mlsd import RefusedError
from mlsd.training import Recipe, train, worst_slices

FEATURES = ("language", "age", "links", "image")


def make_posts(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "language": rng.choice(["en", "nl", "fr"], n, p=[0.6, 0.35, 0.05]),
            "age": rng.exponential(100, n).round(3),
            "links": rng.integers(0, 4, n),
            "image": rng.random(n) < 0.5,
        }
    )
    return frame.assign(spam=rng.random(n) < 0.3)


class Told:
    """A model whose answers are given: 0.3, but for the rows of a weak spot."""

    def __init__(self, weak, answer=0.3):
        self.weak, self.answer = weak, answer

    def predict(self, table, **_):
        return np.where(self.weak(table), self.answer, 0.3)


@pytest.fixture(scope="module")
def package():
    return train(make_posts(600, 0), Recipe("spam", features=FEATURES, params={"n_estimators": 2}))


def named(report) -> list[str]:
    return [finding.subject for finding in report if finding.code == "slice"]


def test_a_weak_part_is_named_alone(package):
    dutch = package.schema.column("language").categories.index("nl")
    posts = make_posts(6000, 1)
    report = worst_slices(replace(package, model=Told(lambda t: t[:, 0] == dutch, 0.9)), posts)
    assert named(report) == ["language=nl"]
    found = report.findings[-1]
    assert (found.ok, found.severity, found.failed) == (False, "warning", False)
    part = posts["spam"][posts["language"] == "nl"]
    assert found.count == len(part)
    assert found.value == pytest.approx(-np.where(part, np.log(0.9), np.log(0.1)).mean())
    assert found.interval[0] < found.value < found.interval[1]
    assert report.findings[1].details["slices"] > 60  # pairs too


def test_a_weak_pair_is_named_as_a_pair(package):
    posts = make_posts(8000, 1)
    dutch, cut = package.schema.column("language").categories.index("nl"), posts["age"].quantile(0.25)
    weak = Told(lambda t: (t[:, 0] == dutch) & (t[:, 1] <= cut), 0.95)
    (only,) = named(worst_slices(replace(package, model=weak), posts))
    assert only.startswith("language=nl and age <= ")


def test_two_weak_spots_are_named_one_after_the_other(package):
    posts = make_posts(8000, 1)
    dutch = package.schema.column("language").categories.index("nl")
    weak = Told(lambda t: (t[:, 0] == dutch) | (t[:, 2] == 0), 0.9)
    assert named(worst_slices(replace(package, model=weak), posts)) == ["language=nl", "links <= 0"]


def test_a_model_without_weak_spots_is_seldom_accused(package):
    even = replace(package, model=Told(lambda t: np.zeros(len(t), dtype=bool)))
    accused = sum(bool(named(worst_slices(even, make_posts(2000, seed)))) for seed in range(150))
    assert accused <= scipy.stats.binom.ppf(0.999, 150, 0.05)


def test_beside_a_champion_what_got_worse_fails(package):
    posts = make_posts(6000, 1)
    even = replace(package, model=Told(lambda t: np.zeros(len(t), dtype=bool)))
    candidate = replace(package, model=Told(lambda t: t[:, 2] == 0, 0.7))
    report = worst_slices(candidate, posts, champion=even)
    assert not report.ok
    assert named(report) == ["links <= 0"]
    back = worst_slices(even, posts, champion=candidate)
    assert back.ok
    assert back.findings[1].message.startswith("0 of ")
    assert worst_slices(even, posts, champion=even).ok


def test_few_rows_are_said_to_be_few(package):
    (told,) = worst_slices(package, make_posts(20, 1))
    assert told.failed
    assert told.message == "cannot judge: 20 rows, needs 30"
    report = worst_slices(package, make_posts(150, 1))
    assert report.findings[1].message == "cannot tell: no slice has 200 rows"
    assert (report.findings[1].ok, report.findings[1].failed) == (False, False)
    assert worst_slices(package, make_posts(150, 1), champion=package).ok
    with pytest.raises(RefusedError, match="no column 'spam', the target"):
        worst_slices(package, make_posts(300, 1).drop(columns="spam"))
