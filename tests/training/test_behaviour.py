"""Behaviour tests: each finds the model it was written against, and says on how many rows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlsd import RefusedError
from mlsd.training import Direction, Invariance, MinimumFunctionality, Recipe, judge_behaviour, train


def make_posts(n: int = 600, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "links": rng.integers(0, 10, n),
            "country": rng.choice(["BE", "NL"], n),
            "author": np.arange(n).astype(str),
        }
    )
    heat = frame["links"] + 3 * (frame["country"] == "NL")
    return frame.assign(
        spam=heat > 6,
        reach=heat * 1.5,
        grade=pd.cut(heat, [-1, 3, 7, 99], labels=["a", "b", "c"]).astype(str),
    )


def package_for(target: str):
    return train(make_posts(), Recipe(target, features=("links", "country"), params={"n_estimators": 30}))


@pytest.fixture(scope="module")
def package():
    return package_for("spam")


def judge(package, test, frame=None):
    (finding,) = judge_behaviour(package, make_posts(200, 1) if frame is None else frame, [test])
    return finding


def test_easy_rows_must_be_right(package):
    easy = pd.DataFrame({"links": [9, 9, 0], "country": ["NL", "BE", "BE"]}, index=["x", "y", "z"])
    good = judge(package, MinimumFunctionality("plain cases", easy, [True, True, False]))
    assert (good.ok, good.value, good.count) == (True, 0, 0)
    bad = judge(package, MinimumFunctionality("all are scams", easy, True))
    assert bad.failed
    assert (bad.count, bad.rows, bad.subject) == (1, ("z",), "all are scams")
    assert bad.message == "1 of 3 rows fail; allowed are 0 of them"
    assert judge(package, MinimumFunctionality("most are scams", easy, True, allowed=0.4)).ok


def test_the_threshold_decides_what_a_binary_model_answers(package):
    easy = pd.DataFrame({"links": [9], "country": ["NL"]})
    chance = float(package.predict(easy)[0])
    assert judge(package, MinimumFunctionality("caught", easy, True, threshold=chance)).ok
    assert not judge(package, MinimumFunctionality("caught", easy, True, threshold=chance + 1e-9)).ok


def test_several_classes_and_numbers_have_plain_cases_too():
    easy = pd.DataFrame({"links": [9, 0], "country": ["NL", "BE"]})
    assert judge(package_for("grade"), MinimumFunctionality("ends", easy, ["c", "a"])).ok
    reach = package_for("reach")
    assert judge(reach, MinimumFunctionality("ends", easy, [18.0, 0.0], tolerance=3)).ok
    assert not judge(reach, MinimumFunctionality("ends", easy, [18.0, 9.0], tolerance=3)).ok


def test_what_the_model_uses_moves_and_what_it_does_not_use_stays(package):
    country = judge(package, Invariance("the country says nothing", {"country": "BE"}))
    assert country.failed
    frame = make_posts(200, 1)
    dutch = frame["country"] == "NL"
    moved = np.abs(package.predict(frame.assign(country="BE")) - package.predict(frame)) > 0.05
    assert (country.count, country.details["n"]) == (
        moved.sum(),
        dutch.sum(),
    )  # rows that changed alone count
    assert set(country.rows) <= set(frame.index[moved])
    author = judge(
        package, Invariance("a swapped author", {"author": lambda a: a[::-1].to_numpy()}, tolerance=0)
    )
    assert (author.ok, author.details["n"]) == (True, 200)


def test_a_direction_is_one_way(package):
    more, recipe = {"links": lambda n: n + 1}, Recipe("spam", LogisticRegression(), ("links", "country"))
    straight = train(make_posts(), recipe)  # its score rises with every link
    assert judge(straight, Direction("a link more", more, "up")).ok
    assert judge(straight, Direction("a link less", {"links": lambda n: n - 1}, "down")).ok
    wrong = judge(straight, Direction("a link more", more, "down"))
    assert (wrong.failed, wrong.count, wrong.value) == (True, 200, 1)
    assert judge(straight, Direction("a link more", more, "down", tolerance=1)).ok
    few = judge(package, Direction("a link more", more, "up"))  # trees have no such law
    assert 0 < few.value < 0.5
    assert judge(package, Direction("a link more", more, "up", allowed=few.value)).ok


def test_each_test_is_a_finding_and_the_report_survives_json(package):
    tests = [Direction("up", {"links": 9}, "up"), Invariance("still", {"author": "x"})]
    report = judge_behaviour(package, make_posts(200, 1), tests)
    assert [(finding.code, finding.subject) for finding in report] == [
        ("behaviour", "up"),
        ("behaviour", "still"),
    ]
    assert type(report).from_json(report.to_json()) == report


def test_a_change_that_changes_nothing_cannot_tell(package):
    frame = make_posts(200, 1).assign(country="BE")
    told = judge(package, Invariance("the country", {"country": "BE"}), frame)
    assert told.failed
    assert told.message == "cannot tell: no row to look at, or the change changes none"
    missing = frame.assign(links=frame["links"].astype("Int64").mask(frame.index < 10))
    assert judge(package, Direction("links", {"links": lambda n: n}, "up"), missing).value is None


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        (
            Invariance("x", {"link": 1}),
            "behaviour test 'x' changes 'link', which is no column: did you mean 'links'",
        ),
        (
            Invariance("x", {"country": "NLL"}),
            "writes 'NLL' into 'country', which the model does not know: did you",
        ),
        (
            Direction("x", {"links": 1}, "right"),
            "behaviour test 'x' has way 'right'; expected 'up' or 'down'",
        ),
        (Invariance("x", "links"), "behaviour test 'x' has the change 'links'; expected a dict"),
        (MinimumFunctionality("x", make_posts(3), [True]), "behaviour test 'x' expects 1 answers for 3 rows"),
        (MinimumFunctionality("x", make_posts(3), "yes"), "'yes', which is none of the 2 classes"),
        (MinimumFunctionality("x", make_posts(3).drop(columns="links"), True), "links"),
        ("up", "behaviour holds 'up'; expected MinimumFunctionality, Invariance or Direction"),
    ],
    ids=["column", "category", "way", "change", "answers", "class", "feature", "test"],
)
def test_what_is_no_test_is_one_sentence(package, test, sentence):
    with pytest.raises(RefusedError, match=sentence):
        judge(package, test)


def test_several_scores_have_no_direction():
    with pytest.raises(
        RefusedError, match="behaviour test 'x' asks for a direction, but the model has several"
    ):
        judge(package_for("grade"), Direction("x", {"links": 1}, "up"))
