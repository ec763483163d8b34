"""How likely is it that a month of the demo alerts too early, too late, or gives the trouble a wrong name?

One model and its reference are shared by all windows of a month, so windows are independent only
given the reference. For each of several models: many daily windows are drawn, the chance that a
column (or the loss) fails in one window is taken given that model, raised to the power of the rule's
successive reports, summed over the month, and averaged over the models. Chances too small to be
counted are taken from the normal tail of the statistic beside its limit, never from zero hits.

python tests/benchmarks/bench_alerts.py [--models 8] [--windows 150]
"""

import argparse

import numpy as np
import pandas as pd
from scipy.stats import norm

from mlsd.datasets import Drift, make_spam_posts
from mlsd.monitoring import detect_drift, diagnose, judge_performance
from mlsd.monitoring.diagnosis import SLOPES
from mlsd.platform.plan import Plan
from mlsd.platform.watch import INPUTS, LOSS
from mlsd.profile import Profile
from mlsd.training import Recipe, train

PLAN = Plan()
DAILY = PLAN.n_samples // PLAN.days
TARGET = "is_spam"


def model(state: int):
    """Train as the demo does, on as many rows."""
    n = int(PLAN.n_samples * PLAN.train_days / PLAN.days * 0.93 * 0.8)
    return train(make_spam_posts(n, random_state=10_000 + state).frame, Recipe(target=TARGET))


def windows(kind: str, state: int, count: int):
    """Yield daily windows of a world that has drifted all along."""
    drifts = [] if kind == "none" else [Drift(kind, start=0.0)]
    world = make_spam_posts(count * DAILY, random_state=20_000 + state, drifts=drifts)
    yield from world.stream(DAILY)


def look(package, kind: str, state: int, count: int) -> pd.DataFrame:
    """Return, per window: effect and verdict of each column, excess loss and its spread, recalibration."""
    reference = package.profile.select(package.features)
    rows = []
    for posts in windows(kind, state, count):
        drift = detect_drift(reference, Profile.of(posts[list(package.features)], like=reference))
        p, y = package.predict(posts), posts[TARGET].to_numpy(float)
        excess = judge_performance(y, p, task="binary").findings[1]
        row = {f"failed {f.subject}": f.failed for f in drift if f.code == "drift"}
        row |= {f"effect {f.subject}": f.value for f in drift if f.code == "drift"}
        row |= {"failed loss": excess.failed, "low": excess.interval[0], "loss limit": excess.limit}
        row |= {"named": diagnose(drift=drift, y=y, prediction=p).findings[0].value}
        row |= {f.code: f.value for f in diagnose(drift=drift, y=y, prediction=p) if f.code in ("slope",)}
        rows.append(row)
    return pd.DataFrame(rows)


def above(values: pd.Series, limit: float) -> float:
    """Return the chance that a value is above the limit, by the normal tail of what was seen."""
    return float(norm.sf((limit - values.mean()) / max(values.std(ddof=1), 1e-9)))


def chance_of_run(p: float, days: int, successive: int) -> float:
    """Return at most the chance that `successive` of `days` windows in a row do what each does with chance p."""
    return min(1.0, max(days - successive + 1, 0) * p**successive)


def early(package, state: int, count: int, days: int) -> tuple[float, float]:
    """Return the chances that an unchanged month alerts, by the inputs rule and by the loss rule."""
    seen = look(package, "none", state, count)
    columns = [
        name.removeprefix("failed ") for name in seen if name.startswith("failed ") and name != "failed loss"
    ]
    inputs = sum(
        chance_of_run(above(seen[f"effect {c}"], INPUTS.at_least), days, INPUTS.successive) for c in columns
    )
    p = max(seen["failed loss"].mean(), above(seen["low"], seen["loss limit"].iloc[0]))
    return inputs, chance_of_run(p, days, LOSS.successive)


def miss(package, kind: str, state: int, count: int) -> tuple[float, float]:
    """Return the chances that a drifted month is not alerted within six days, and that it is misnamed."""
    seen = look(package, kind, state, count)
    if kind == "data":
        columns = [name.removeprefix("failed ") for name in seen if name.startswith("failed ")]
        columns = [c for c in columns if c != "loss"]
        one = min(
            max(1 - seen[f"failed {c}"].mean(), above(-seen[f"effect {c}"], -INPUTS.at_least))
            for c in columns
        )
        wrong = max((seen["named"] != "data drift").mean(), above(seen["low"], seen["loss limit"].iloc[0]))
        return min(1.0, 4 * one), wrong
    one = max(1 - seen["failed loss"].mean(), above(-seen["low"], -seen["loss limit"].iloc[0]))
    wrong = (seen["named"] != f"{kind} drift").mean()
    tail = above(seen["slope"], SLOPES[0]) if kind == "concept" else above(-seen["slope"], -SLOPES[0])
    return min(1.0, 2 * one), max(wrong, tail)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--models", type=int, default=8)
    parser.add_argument("--windows", type=int, default=150)
    asked = parser.parse_args()
    packages = [model(state) for state in range(asked.models)]
    live = PLAN.days - PLAN.train_days
    found = np.array([early(p, s, asked.windows, live) for s, p in enumerate(packages)])
    print(f"{asked.models} models, {asked.windows} windows of {DAILY:,} posts each")
    print(
        f"early alert in {live} days, by features: {found[:, 0].mean():.1e} (worst model {found[:, 0].max():.1e})"
    )
    print(
        f"early alert in {live} days, by loss:     {found[:, 1].mean():.1e} (worst model {found[:, 1].max():.1e})"
    )
    for kind in ("concept", "target", "data"):
        found = np.array([miss(p, kind, s, asked.windows) for s, p in enumerate(packages)])
        print(
            f"{kind:<8} missed {found[:, 0].mean():.1e}, misnamed by one day's labels {found[:, 1].mean():.1e}"
        )


if __name__ == "__main__":
    main()
