"""The plan of the demo: how many posts, which day brings what."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mlsd.datasets import Drift, Fault, World, make_spam_posts
from mlsd.report import RefusedError

KINDS = ("concept", "data", "target", "none")


@dataclass(frozen=True)
class Plan:
    """A month of posts: two weeks to learn from, a fault, a drift, and what the loop may do.

    Args:
        drift: what happens to the world; one of `KINDS`.
        random_state: another number is another month under the same law.
        n_samples: posts in the whole time.
        days: of the whole time.
        train_days: of them, before the model goes live.
        fault_day: on which a tenth of the posts lose a value.
        drift_day: when the world changes, in days; not at midnight, so one window is mixed.
        retrain_rows: labelled rows since the drift that a retraining waits for.
        requests: sent one by one around the swap.

    >>> Plan(drift="data").world().changes[1].kind
    'data'
    """

    drift: str = "concept"
    random_state: int = 0
    n_samples: int = 150_000
    days: int = 28
    train_days: int = 14
    fault_day: int = 15
    fault_column: str = "account_age_days"
    drift_day: float = 18.25
    retrain_rows: int = 10_000
    requests: int = 2_400

    def __post_init__(self) -> None:
        if self.drift not in KINDS:
            raise RefusedError(f"drift is {self.drift!r}; expected one of {', '.join(KINDS)}")
        if self.random_state < 0:
            raise RefusedError(f"random_state is {self.random_state}; expected a whole number, 0 or more")

    def world(self) -> World:
        """Return the month."""
        fault = Fault(
            "nulls",
            column=self.fault_column,
            start=self.fault_day / self.days,
            end=(self.fault_day + 1) / self.days,
            fraction=0.1,
        )
        drifts = [] if self.drift == "none" else [Drift(self.drift, start=self.drift_day / self.days)]
        return make_spam_posts(
            self.n_samples, days=self.days, random_state=self.random_state, faults=[fault], drifts=drifts
        )

    def but(self, **changes: object) -> Plan:
        """Return the same plan with some of it changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
