"""Calibration: two numbers that make probabilities mean what they say, learnt from rows kept apart."""

from __future__ import annotations

import numpy as np

from mlsd.metrics import EPSILON
from mlsd.report import RefusedError
from mlsd.stats import logit

MIN_ROWS = 50  # of the part kept apart; two numbers from fewer are noise


def fit_calibration(chance: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return a and b: the right log odds are a times those of the model, plus b (Platt 1999).

    a < 1 tells of a model that is too sure of itself; b undoes what class weights moved. Nothing is
    moved past another row, so the order of the rows stays.

    Args:
        chance: shape (n,), the probability of class 1 given to rows the model was not fitted on.
        y: shape (n,), 0 or 1.

    Raises:
        RefusedError: too few rows, one class only, or probabilities that say nothing or the opposite.

    >>> rng = np.random.default_rng(0)
    >>> true = rng.random(20_000)
    >>> a, b = fit_calibration(true**2 / (true**2 + (1 - true) ** 2), rng.random(20_000) < true)
    >>> round(a, 2), round(abs(b), 1)  # the model doubled the log odds
    (0.5, 0.0)
    """
    from sklearn.linear_model import LogisticRegression

    y = np.asarray(y, dtype=int)
    n_true, n_false = int(y.sum()), int(len(y) - y.sum())
    if len(y) < MIN_ROWS or not n_true or not n_false:
        raise RefusedError(
            f"cannot calibrate: {len(y):,} rows kept apart, {n_true:,} of them of the second class; "
            f"needs {MIN_ROWS} of both classes: give more rows, or leave calibrate out"
        )
    odds = np.tile(logit(chance, EPSILON), 2)[:, None]
    high, low = (n_true + 1) / (n_true + 2), 1 / (n_false + 2)  # Platt's answers: never quite 1 or 0
    share = np.where(y == 1, high, low)
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    model.fit(odds, np.repeat([1, 0], len(y)), sample_weight=np.concatenate([share, 1 - share]))
    a, b = float(model.coef_[0, 0]), float(model.intercept_[0])
    if a <= 0:
        raise RefusedError(
            "cannot calibrate: on the rows kept apart, a higher probability does not mean the second class "
            "more often; the model has learnt nothing that lasts"
        )
    return a, b
