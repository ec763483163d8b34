"""What a prediction costs: what was used, times prices that carry their date."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from mlsd.report import Finding, RefusedError, Report

_OLD_DAYS = 365


@dataclass(frozen=True)
class Price:
    """What one unit of something cost on a day, and who said so.

    Args:
        amount: for one unit, in `currency`.
        currency: such as `"EUR"`.
        on: the day on which it was read.
        source: where it was read.
    """

    amount: float
    currency: str
    on: date
    source: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.amount) and self.amount >= 0):
            raise RefusedError(f"a price is {self.amount!r}; expected 0 or more {self.currency}")
        if not isinstance(self.on, date):
            raise RefusedError(f"a price is of {self.on!r}; expected the day it was read: date(2026, 5, 1)")
        if not self.source.strip():
            raise RefusedError("a price names no source; say where it was read")


def cost_per_thousand(
    used: Mapping[str, float], prices: Mapping[str, Price], *, predictions: int, today: date
) -> Report:
    """Return what 1,000 predictions cost, as the finding `cost` and one per thing used.

    There is no built-in price: prices change, and a number without its date is folklore.

    Args:
        used: units of each thing, such as `{"machine hour": 720, "GB sent": 30}`.
        prices: of one unit of each; all in one currency.
        predictions: how many were answered meanwhile.
        today: a price more than a year older is a warning.

    Raises:
        RefusedError: a thing has no price, prices are in two currencies or of the future, or there was
            no prediction.

    >>> prices = {"machine hour": Price(0.10, "EUR", date(2026, 5, 1), "our provider's list")}
    >>> used = {"machine hour": 720.0}
    >>> print(cost_per_thousand(used, prices, predictions=1_500_000, today=date(2026, 6, 1)))
    cost per 1,000 predictions: ok, 2 findings
      ok       used  machine hour  720 at 0.1 EUR (2026-05-01, our provider's list): 72.00 EUR
      ok       cost                0.048 EUR per 1,000 predictions, 72.00 EUR for 1,500,000
    """
    currency = _check(used, prices, predictions, today)
    parts, findings = {}, []
    for name, amount in used.items():
        price = prices[name]
        parts[name] = amount * price.amount
        age = (today - price.on).days
        old = f"; this price is {age} days old, look it up again" if age > _OLD_DAYS else ""
        told = f"{amount:g} at {price.amount:g} {currency} ({price.on}, {price.source})"
        message = f"{told}: {parts[name]:.2f} {currency}{old}"
        findings.append(Finding("used", name, not old, parts[name], message=message, severity="warning"))
    total = sum(parts.values())
    each = 1000 * total / predictions
    message = f"{each:.3g} {currency} per 1,000 predictions, {total:.2f} {currency} for {predictions:,}"
    findings.append(Finding("cost", value=each, message=message, count=predictions, details=parts))
    return Report("cost per 1,000 predictions", tuple(findings))


def _check(used: Mapping[str, float], prices: Mapping[str, Price], predictions: int, today: date) -> str:
    """Return the currency."""
    if predictions < 1:
        raise RefusedError(f"{predictions} predictions were answered; expected 1 or more to share the cost")
    if not used:
        raise RefusedError("nothing was used; name what was, such as {'machine hour': 720}")
    for name, amount in used.items():
        if name not in prices:
            raise RefusedError(f"there is no price for {name!r}; give its Price, with the day it was read")
        if not (math.isfinite(amount) and amount >= 0):
            raise RefusedError(f"{amount!r} of {name!r} were used; expected 0 or more units")
        if prices[name].on > today:
            raise RefusedError(f"the price of {name!r} is of {prices[name].on}, after {today}; mend the date")
    currencies = sorted({prices[name].currency for name in used})
    if len(currencies) > 1:
        raise RefusedError(f"the prices are in {' and '.join(currencies)}; convert them to one currency")
    return currencies[0]
