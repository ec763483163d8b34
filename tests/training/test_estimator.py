"""scikit-learn estimators: prepared on the rows they were given, refused where they cannot serve."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from mlsd import RefusedError
from mlsd.training.estimator import fit_estimator


def rows(n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.integers(0, 4, n), rng.normal(5, 3, n), rng.normal(size=n)]).astype(float)
    return table, (table[:, 1] + 3 * (table[:, 0] == 2) > 5).astype(int)


def test_preparation_is_what_scikit_learn_would_do_by_hand():
    table, y = rows()
    ours = fit_estimator(LogisticRegression(), table, y, "binary", [0])
    prepare = make_column_transformer((StandardScaler(), [1, 2]), (OneHotEncoder(), [0]))
    by_hand = LogisticRegression().fit(prepare.fit_transform(table), y)
    np.testing.assert_allclose(
        ours.predict_proba(table), by_hand.predict_proba(prepare.transform(table)), rtol=1e-10
    )


def test_gaps_and_unknown_categories_get_an_answer():
    table, y = rows()
    table[::7, 0] = table[::5, 1] = np.nan
    model = fit_estimator(LogisticRegression(), table, y, "binary", [0])
    strange = np.array([[np.nan, np.nan, np.nan], [3.0, 1.0, 1.0]])
    assert np.isfinite(model.predict_proba(strange)).all()
    never = fit_estimator(LogisticRegression(), rows()[0], y, "binary", [0])  # no gap in training
    assert np.isfinite(never.predict_proba(strange)).all()


def test_a_column_without_any_value_does_no_harm():
    table, y = rows()
    table[:, 2] = np.nan
    model = fit_estimator(LogisticRegression(), table, y, "binary", [0])
    assert np.isfinite(model.predict_proba(table)).all()


def test_the_estimator_given_is_left_alone():
    given = RandomForestClassifier(3)
    table, y = rows()
    one = fit_estimator(given, table, y, "binary", [0], params={"max_depth": 2}, random_state=5)
    again = fit_estimator(given, table, y, "binary", [0], params={"max_depth": 2}, random_state=5)
    other = fit_estimator(given, table, y, "binary", [0], params={"max_depth": 2}, random_state=6)
    assert not hasattr(given, "classes_")
    assert (given.max_depth, given.random_state) == (None, None)
    assert np.array_equal(one.predict_proba(table), again.predict_proba(table))
    assert not np.array_equal(one.predict_proba(table), other.predict_proba(table))


def test_a_random_state_of_its_own_is_kept():
    table, y = rows()
    model = fit_estimator(RandomForestClassifier(3, random_state=9), table, y, "binary", [0], random_state=1)
    assert model[-1].random_state == 9


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(),
        GaussianNB(),
        KNeighborsClassifier(),
        HistGradientBoostingClassifier(max_iter=3),
        RandomForestClassifier(3),
    ],
)
def test_any_classifier_with_probabilities_will_do(estimator):
    table, y = rows()
    model = fit_estimator(estimator, table, y, "binary", [0])
    assert ((model.predict_proba(table)[:, 1] > 0.5) == y).mean() > 0.8


@pytest.mark.parametrize("estimator", [LinearRegression(), RandomForestRegressor(3)])
def test_any_regressor_will_do(estimator):
    table, y = rows()
    assert fit_estimator(estimator, table, y * 1.5, "regression", [0]).predict(table).shape == (200,)


@pytest.mark.parametrize(
    ("estimator", "task", "params", "sentence"),
    [
        (
            Ridge(),
            "binary",
            {},
            r"Ridge is no classifier, but the target has classes; .*Recipe\(task='regression'\)",
        ),
        (
            LogisticRegression(),
            "regression",
            {},
            "LogisticRegression is no regressor, but the target is a quantity",
        ),
        (
            LinearSVC(),
            "binary",
            {},
            r"LinearSVC gives no probabilities; wrap it: .*CalibratedClassifierCV\(LinearSVC",
        ),
        (
            LogisticRegression(),
            "binary",
            {"K": 1},
            "LogisticRegression cannot be fitted: Invalid parameter 'K'",
        ),
        (LogisticRegression(C=-1.0), "binary", {}, "LogisticRegression cannot be fitted: The 'C' parameter"),
    ],
)
def test_an_estimator_that_cannot_serve_is_refused(estimator, task, params, sentence):
    table, y = rows()
    with pytest.raises(RefusedError, match=sentence):
        fit_estimator(estimator, table, y, task, [0], params=params)
