"""The law of the feed: what a list holds, what interests a member, and who looks that far down.

A member opens the feed and sees a list: `PLACES` updates in the order of the ranker in use. With x the
features and s(x) a sum of terms (see `TERMS`),

    interest(x)    = 1 / (1 + exp(-s(x)))            would the member click, if it stood first?
    attention(r)   = r^-0.8                          is place r looked at? 1 at the top, falling
    p(x, r)        = attention(r) interest(x)        the examination model of clicks
    clicked        = 1[U < p(x, r)]                  U: one uniform per row

The ranker in use orders by a score z: how often the author was shown before, how new the update is,
where the author lives, and noise, each a standard normal (see `RANKER`). Place r of a list holds an
update from the r-th sixteenth of z, counted from the top. So places are known before updates are drawn,
the features of an update are independent over all places together, and place tells about them only
through z. Interest depends neither on the author's region nor on past views: a model that makes
something of them has learned the layout.

Member, place and moment are given; a target drift keeps, in each place, a negative with probability a.

Source: Craswell, Zoeter, Taylor and Ramsey, "An experimental comparison of click position-bias
models", 2008.
"""

from __future__ import annotations

import numpy as np

from mlsd.column import Column
from mlsd.datasets.spam_law import TOPICS, Features, normal, pick, topic_shares, whole_lognormal

PLACES = 16  # updates of a list; divides the 4,096 rows of a block, so that no block cuts a list
MEMBERS = 40_000
REGULARS = 1_000  # of them
TRADES = ("carpenter", "roofer", "potter", "weaver", "smith", "bookbinder")
HOME = (0, 4, 1, 3, 5, 2)  # the topic, by position, that belongs to each trade
REGIONS = ("towns", "valleys")
FORMATS = ("text", "image", "video")

COLUMNS = (
    Column("update_id", "text", unique=True, description="names the update, which goes to one member once"),
    Column("session", "text", description="names the list the member saw at that moment"),
    Column("shown_at", "time", description="when the list was opened"),
    Column("member_id", "text", description="who saw it"),
    Column(
        "position",
        "integer",
        minimum=1,
        maximum=PLACES,
        known_at="reaction",
        description="place in the list, 1 at the top; a ranker decides it, so it does not know it before",
    ),
    # identity: the member who looks
    Column("trade", "category", categories=TRADES, description="of the member"),
    Column("region", "category", categories=REGIONS, description="where the member lives"),
    Column("n_connections", "integer", minimum=0, maximum=500, unit="members", description="of the member"),
    Column("tenure_days", "integer", minimum=0, maximum=4000, unit="days", description="of the account"),
    # content: the update and its author
    Column("topic", "category", categories=TOPICS, description="where the author filed it"),
    Column("format", "category", categories=FORMATS, description="of the update"),
    Column("age_hours", "integer", minimum=0, maximum=300, unit="hours", description="since it was posted"),
    Column("author_region", "category", categories=REGIONS, description="where the author lives"),
    Column("author_views", "integer", minimum=0, maximum=2000, unit="views", description="in a past month"),
    Column("author_click_rate", "number", minimum=0, maximum=0.5, unit="share", description="of those views"),
    # behaviour: what this member did before, in an average month
    Column("clicks_on_topic", "integer", minimum=0, maximum=200, unit="clicks", description="a month"),
    Column("clicks_on_author", "integer", minimum=0, maximum=20, unit="clicks", description="a month"),
    Column("days_away", "integer", minimum=0, maximum=30, unit="days", description="since the last visit"),
    # the click
    Column("clicked", "boolean", known_at="label", description="the member clicked on it"),
    Column(
        "labelled_at", "time", known_at="label", description="when the clicks are in: after 1 to 24 hours"
    ),
)

# One name per uniform that a member, a list and an update are made of; their order is part of the law.
MEMBER = ("trade region connections tenure".split(), [f"taste {topic}" for topic in TOPICS])
SESSION = "moment member away delay".split()
UPDATE = "score shown fresh town noise topic format rate author_zero author click kept".split()

# What the ranker in use looks at: shares of z, squares adding to 1 with the noise.
RANKER = {"shown": 0.60, "fresh": 0.45, "town": 0.40, "noise": 0.5268}


def members(rng: np.random.Generator) -> tuple[Features, np.ndarray]:
    """Return identity features of all members, (MEMBERS,) each, and clicks on each topic, (MEMBERS, 6)."""
    names, tastes = MEMBER
    u = dict(zip(names, rng.random((len(names), MEMBERS)), strict=True))
    tenure = normal(u["tenure"])
    identity = {
        "trade": pick(u["trade"], np.array([0.25, 0.20, 0.20, 0.15, 0.12, 0.08])),
        "region": (u["region"] < 0.3).astype("int64"),
        "n_connections": whole_lognormal(3.6, 0.35 * tenure + 0.9 * normal(u["connections"]), 0, 500),
        "tenure_days": whole_lognormal(5.9, 1.2 * tenure, 0, 4000),
    }
    clicks = [whole_lognormal(1.3, 1.3 * normal(v), 0, 200) for v in rng.random((len(tastes), MEMBERS))]
    return identity, np.column_stack(clicks)


def visitor(u: np.ndarray) -> np.ndarray:
    """Return which member opens each list, (n,): regulars open half of the lists, anyone the other half."""
    return np.floor(np.where(u < 0.5, 2 * u * REGULARS, (2 * u - 1) * MEMBERS)).astype("int64")


def days_away(u: np.ndarray) -> np.ndarray:
    """Return whole days since the member's last visit, (n,)."""
    return whole_lognormal(0.6, 1.2 * normal(u), 0, 30)


def latents(u: dict[str, np.ndarray], position: np.ndarray) -> dict[str, np.ndarray]:
    """Return the standard normals that the ranker weighs, (n,) each, given the place they lead to.

    Drawn freely, then moved along the weights until they add up to the score of the place: what is
    left is distributed as it is given that score (Matheron's rule for normals).
    """
    score = normal((PLACES - position + u["score"]) / PLACES)
    free = {name: normal(u[name]) for name in RANKER}
    short = score - sum(weight * free[name] for name, weight in RANKER.items())
    return {name: np.round(free[name] + RANKER[name] * short, 6) for name in free}


def updates(u: dict[str, np.ndarray], position: np.ndarray, moved: np.ndarray) -> Features:
    """Return the content of updates and the member's clicks on their authors.

    Args:
        u: uniforms by name, (n,) each.
        position: places in their lists, (n,).
        moved: strength of the data drift, (n,): newer updates, more videos, more portfolios.
    """
    z = latents(u, position)
    valleys = z["town"] < -0.674490  # a quarter
    rate = normal(u["rate"])
    shown = 0.8 * z["shown"] + 0.4 * rate - 0.9 * valleys
    return {
        "topic": pick(u["topic"], topic_shares(moved)),
        "format": pick(u["format"], format_shares(moved)),
        "age_hours": whole_lognormal(2.6 - 0.4 * moved, -1.0 * z["fresh"], 0, 300),
        "author_region": valleys.astype("int64"),
        "author_views": whole_lognormal(4.8, shown, 0, 2000),
        "author_click_rate": np.round(0.5 / (1.0 + np.exp(2.0 - 0.9 * rate)), 3),
        "clicks_on_author": np.where(
            u["author_zero"] < 0.6, 0.0, whole_lognormal(0.7, 0.9 * normal(u["author"]), 1, 20)
        ),
    }


def format_shares(moved: np.ndarray) -> np.ndarray:
    """Return the share of each format, (n, 3); a data drift tilts it towards videos."""
    weights = np.array([0.45, 0.35, 0.20]) * np.round(np.power([0.7, 1.0, 1.6], moved[:, None]), 6)
    return weights / weights.sum(axis=1, keepdims=True)


# name: (coefficient, coefficient after a concept drift of strength 1)
TERMS = {
    "one": (-1.10, -1.00),
    "taste": (0.90, 0.90),
    "author": (0.70, 0.50),
    "rate": (0.90, -0.50),  # away from what is popular
    "fresh": (0.60, 0.20),
    "video": (-0.40, 2.00),  # towards short videos
    "image": (0.40, 0.20),
    "topic of the trade": (0.80, 0.80),
    "old news after days away": (0.60, 0.30),
    "connections": (0.10, 0.10),
}


def terms(x: Features) -> dict[str, np.ndarray]:
    """Return the terms of s(x) by name, (n,) each, roughly centred."""
    old = np.log1p(x["age_hours"]) - 2.6
    return {
        "one": np.ones(len(old)),
        "taste": (np.log1p(x["clicks_on_topic"]) - 1.4) / 0.95,
        "author": np.log1p(x["clicks_on_author"]) - 0.5,
        "rate": (x["author_click_rate"] - 0.07) / 0.045,
        "fresh": -old,
        "video": x["format"] == 2,
        "image": x["format"] == 1,
        "topic of the trade": np.array(HOME)[x["trade"]] == x["topic"],
        "old news after days away": np.where(x["days_away"] >= 3, old, 0.0),
        "connections": (np.log1p(x["n_connections"]) - 3.6) / 0.95,
    }


def interest(x: Features, turned: np.ndarray) -> np.ndarray:
    """Return the probability of a click at the first place, (n,), to 6 decimals.

    Args:
        x: identity, content and behaviour features.
        turned: strength of the concept drift, (n,): the coefficients go from old to new.
    """
    found = terms(x)
    s = sum(found[name] * (old + turned * (new - old)) for name, (old, new) in TERMS.items())
    return np.round(1.0 / (1.0 + np.exp(-np.clip(np.round(s, 6), -9.0, 9.0))), 6)


def attention(position: np.ndarray) -> np.ndarray:
    """Return the probability that a place is looked at, (n,), to 6 decimals.

    >>> attention(np.array([1, 2, 4, 16])).round(2).tolist()
    [1.0, 0.57, 0.33, 0.11]
    """
    return np.round(np.power(np.asarray(position, dtype="float64"), -0.8), 6)
