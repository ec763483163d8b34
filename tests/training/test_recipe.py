"""A recipe says everything that was decided, and can be written down."""

import json

import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from mlsd import RefusedError
from mlsd.training import Recipe


def test_a_recipe_is_frozen_and_equal_by_value():
    assert Recipe("y", params={"num_leaves": 7}) == Recipe("y", params={"num_leaves": 7})
    assert Recipe("y", features=["a", "b"]).features == ("a", "b")
    with pytest.raises(AttributeError):
        Recipe("y").target = "z"


def test_the_plain_form_names_the_estimator_and_its_settings():
    plain = Recipe("y", LogisticRegression(C=0.5)).to_plain()
    assert plain["estimator"] == "sklearn.linear_model.LogisticRegression"
    assert plain["settings"]["C"] == 0.5
    assert Recipe("y").to_plain()["estimator"] == "lightgbm"


def test_threads_and_loudness_are_no_part_of_it():
    one, many = RandomForestClassifier(n_jobs=1), RandomForestClassifier(n_jobs=2, verbose=1)
    assert Recipe("y", one).to_plain() == Recipe("y", many).to_plain()
    assert Recipe("y", one).to_plain() != Recipe("y", RandomForestClassifier(3)).to_plain()


def test_nested_estimators_are_written_without_addresses():
    plain = Recipe("y", CalibratedClassifierCV(LinearSVC(C=3.0))).to_plain()
    assert plain["settings"]["estimator"] == "sklearn.svm.LinearSVC"
    assert plain["settings"]["estimator__C"] == 3.0
    assert " at 0x" not in json.dumps(plain)
    assert plain == Recipe("y", CalibratedClassifierCV(LinearSVC(C=3.0))).to_plain()


def test_a_recipe_introduces_itself():
    recipe = Recipe("y", LogisticRegression(), ["a", "b"], random_state=3, known_at="reaction", task="binary")
    assert repr(recipe) == (
        "Recipe(y by LogisticRegression, 2 features, known_at=reaction, task=binary, random_state=3)"
    )
    ranking = Recipe("clicked", task="ranking", group="session")
    assert repr(ranking) == "Recipe(clicked by lightgbm, task=ranking, group=session, random_state=0)"
    assert repr(Recipe("y", calibrate=True)) == "Recipe(y by lightgbm, calibrated, random_state=0)"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"target": ""}, "the target is ''; expected the name of a column"),
        ({"target": 3}, "the target is 3; expected the name of a column"),
        ({"estimator": "lightgmb"}, "no estimator is called 'lightgmb': did you mean 'lightgbm'"),
        ({"estimator": LogisticRegression}, r"a class; expected an instance: LogisticRegression\(\)"),
        ({"estimator": 3}, "the estimator is a int; expected 'lightgbm' or a scikit-learn estimator"),
        ({"features": "abc"}, "features is 'abc'; expected a list of column names"),
        ({"random_state": 0.5}, "random_state is 0.5; expected a whole number"),
        ({"random_state": True}, "random_state is True; expected a whole number"),
        ({"random_state": -1}, "random_state is -1; expected 0 to 2,147,483,647"),
        ({"known_at": "label"}, "known_at is 'label'; expected 'creation' or 'reaction'"),
        ({"task": "order"}, "task is 'order'; expected 'binary', 'multiclass', 'regression' or 'ranking'"),
        ({"task": "ranking"}, r"say both, Recipe\(..., task='ranking', group='session'\), or neither"),
        ({"group": "session"}, r"say both, Recipe\(..., task='ranking', group='session'\), or neither"),
        (
            {"task": "ranking", "group": "session", "estimator": LogisticRegression()},
            "LogisticRegression cannot rank; leave the estimator out",
        ),
        ({"calibrate": "yes"}, "calibrate is 'yes'; expected True or False"),
        ({"calibrate": True, "task": "regression"}, "a regression has none, leave it out"),
    ],
)
def test_what_a_recipe_cannot_say_is_refused(arguments, sentence):
    with pytest.raises(RefusedError, match=sentence):
        Recipe(**({"target": "y"} | arguments))
