"""The law of the spam world: how a post comes about, what makes it spam, how members react to it.

Every row is made of independent uniforms, one or two per feature, so that a feature moves only when
its own law moves. With s(x) a sum of smooth terms, one per feature, and two interactions (see `TERMS`):

    p(x) = 1 / (1 + exp(-s(x)))                      x: the creation features
    y    = 1[U < p(x)]                               U: one uniform per row
    h    = -r N(U) + sqrt(1 - r^2) e                 the mood a post puts members in; N is the normal
                                                     quantile, e a normal of its own, r = 0.8
    views, likes, comments, reports                  from x, h and noise, never from p

so P(y=1 | x) = p(x) is the ceiling of a proactive model, and P(y=1 | x, h) =
Phi((N(p) + r h) / sqrt(1 - r^2)) bounds a reactive one. Numbers that went through exp, log or N are
rounded to 6 decimals before anything depends on them: a last bit that differs between two machines
changes no integer, no category and no label.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from mlsd.column import Column

TOPICS = ("tools", "materials", "workshops", "portfolio", "jobs", "for_sale")
LANGUAGES = ("en", "nl", "fr", "de", "pl")
COUNTRIES = ("BE", "NL", "FR", "DE", "PL", "GB")

COLUMNS = (
    Column("post_id", "text", unique=True, description="names the post"),
    Column("posted_at", "time", description="when the member posted it"),
    # the post
    Column("n_words", "integer", minimum=3, maximum=300, unit="words", description="length of the text"),
    Column("n_links", "integer", minimum=0, maximum=8, unit="links", description="links in the text"),
    Column("caps_share", "number", minimum=0, maximum=1, unit="share", description="capitals of all letters"),
    Column("has_image", "boolean", description="an image is attached"),
    Column("asks_payment", "boolean", description="the text asks for a deposit or a payment"),
    Column("topic", "category", categories=TOPICS, description="where the member filed it"),
    Column("language", "category", categories=LANGUAGES, description="of the text"),
    # its member
    Column("account_age_days", "integer", minimum=0, maximum=4000, unit="days", description="of the account"),
    Column("n_connections", "integer", minimum=0, maximum=500, unit="members", description="of the member"),
    Column("posts_last_week", "integer", minimum=0, maximum=20, unit="posts", description="in 7 days"),
    Column("member_country", "category", categories=COUNTRIES, description="where the member lives"),
    Column("profile_complete", "number", minimum=0, maximum=1, unit="share", description="fields filled in"),
    # the engagement of the first hour
    Column("views_1h", "integer", minimum=0, maximum=1000, unit="views", known_at="reaction"),
    Column("likes_1h", "integer", minimum=0, maximum=100, unit="likes", known_at="reaction"),
    Column("comments_1h", "integer", minimum=0, maximum=30, unit="comments", known_at="reaction"),
    Column("reports_1h", "integer", minimum=0, maximum=30, unit="reports", known_at="reaction"),
    # the verdict of a moderator
    Column("is_spam", "boolean", known_at="label", description="a moderator called it spam"),
    Column("labelled_at", "time", known_at="label", description="when: 1 to 48 hours after the post"),
)

# One name per uniform that a post is made of; its order is part of the law.
POST = (
    "words links caps_zero caps image payment topic language "
    "age connections posts_zero posts country profile verdict kept"
).split()
AFTER = "moment delay mood views likes comments reports".split()  # not drawn again by a target drift

Features = dict[str, np.ndarray]  # creation features by column name, (n,) each; categories as positions


def normal(u: np.ndarray) -> np.ndarray:
    """Return normal quantiles of uniforms, (n,), to 6 decimals."""
    return np.round(np.clip(ndtri(u), -8.0, 8.0), 6)


def whole_lognormal(mean: np.ndarray | float, z: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return exp(mean + z) as a whole number from `low` to `high`, (n,): heavy-tailed, capped."""
    return np.floor(np.clip(np.round(np.exp(np.round(mean + z, 6)), 6), low, high))


def pick(u: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Return positions, (n,), drawn with the given shares: (k,) for all rows or (n, k) row by row."""
    upto = np.cumsum(shares, axis=-1)[..., :-1]
    return (u[:, None] >= upto).sum(axis=1)


def features(u: dict[str, np.ndarray], moved: np.ndarray) -> Features:
    """Return the creation features of posts.

    Args:
        u: uniforms by name, (n,) each.
        moved: strength of the data drift, (n,): younger accounts, longer texts, more portfolios.
    """
    age = normal(u["age"])
    links = np.round(-np.log1p(-np.clip((u["links"] - 0.6) / 0.4, 0.0, 1 - 1e-9)) * 1.3, 6)
    profile = np.round(1.0 - 0.9 * np.power(np.clip((u["profile"] - 0.2) / 0.8, 0.0, 1.0), 1.5), 2)
    return {
        "n_words": whole_lognormal(4.0 + 0.30 * moved, 0.7 * normal(u["words"]), 3, 300),
        "n_links": np.where(u["links"] < 0.6, 0.0, np.minimum(1.0 + np.floor(links), 8.0)),
        "caps_share": np.where(u["caps_zero"] < 0.3, 0.0, np.round(0.8 * np.power(u["caps"], 3), 3)),
        "has_image": u["image"] < 0.45,
        "asks_payment": u["payment"] < 0.12,
        "topic": pick(u["topic"], topic_shares(moved)),
        "language": pick(u["language"], np.array([0.40, 0.25, 0.15, 0.12, 0.08])),
        "account_age_days": whole_lognormal(5.9 - 0.4 * moved, 1.2 * age, 0, 4000),
        "n_connections": whole_lognormal(3.6, 0.35 * age + 0.9 * normal(u["connections"]), 0, 500),
        "posts_last_week": np.where(
            u["posts_zero"] < 0.3, 0.0, whole_lognormal(0.7, 0.9 * normal(u["posts"]), 1, 20)
        ),
        "member_country": pick(u["country"], np.array([0.30, 0.25, 0.15, 0.15, 0.10, 0.05])),
        "profile_complete": profile,
    }


def topic_shares(moved: np.ndarray) -> np.ndarray:
    """Return the share of each topic, (n, 6); a data drift tilts it towards portfolios."""
    before = np.array([0.25, 0.20, 0.15, 0.20, 0.10, 0.10])
    tilt = np.array([0.5, 0.8, 1.0, 1.6, 1.2, 1.2])
    weights = before * np.round(np.power(tilt, moved[:, None]), 6)
    return weights / weights.sum(axis=1, keepdims=True)


# name: (coefficient, coefficient after a concept drift of strength 1)
TERMS = {
    "one": (-2.20, -2.35),
    "age": (-1.00, 0.60),  # aged, stolen accounts instead of fresh ones
    "links": (1.50, -0.60),
    "caps": (0.65, -0.60),
    "words": (-0.40, 0.80),  # long, polite texts
    "payment": (2.10, 1.00),
    "profile": (-0.60, 0.60),
    "connections": (0.00, 0.50),
    "posts": (0.60, -0.30),
    "image": (0.00, 0.90),
    "topic": (1.10, 1.10),
    "payment for work": (0.90, 1.30),
    "link from a new account": (1.00, -0.80),
}


def terms(x: Features) -> dict[str, np.ndarray]:
    """Return the terms of s(x) by name, (n,) each, roughly centred."""
    age, links, payment = x["account_age_days"], x["n_links"], x["asks_payment"]
    work = np.array([False, False, False, False, True, True])[x["topic"]]
    return {
        "one": np.ones(len(age)),
        "age": (np.log1p(age) - 5.9) / 1.2,
        "links": np.log1p(links) - 0.45,
        "caps": (x["caps_share"] - 0.14) / 0.2,
        "words": (np.log(x["n_words"]) - 4.0) / 0.7,
        "payment": payment - 0.12,
        "profile": (x["profile_complete"] - 0.7) / 0.25,
        "connections": (np.log1p(x["n_connections"]) - 3.6) / 0.95,
        "posts": np.log1p(x["posts_last_week"]) - 1.0,
        "image": x["has_image"] - 0.45,
        "topic": np.array([-0.3, -0.2, 0.0, -0.8, 1.0, 0.7])[x["topic"]],
        "payment for work": payment & work,
        "link from a new account": (age < 60) & (links >= 1),
    }


def probability(x: Features, turned: np.ndarray) -> np.ndarray:
    """Return p(x), the probability of spam at creation, (n,), to 6 decimals.

    Args:
        x: creation features.
        turned: strength of the concept drift, (n,): the coefficients go from old to new.
    """
    found = terms(x)
    s = sum(found[name] * (old + turned * (new - old)) for name, (old, new) in TERMS.items())
    return np.round(1.0 / (1.0 + np.exp(-np.clip(np.round(s, 6), -9.0, 9.0))), 6)


MOOD = 0.8  # r: how far the members' mood follows the hidden verdict


def mood(verdict: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return h, the mood in which posts put members, (n,): high where U is low."""
    return np.round(np.sqrt(1 - MOOD**2) * normal(noise) - MOOD * normal(verdict), 6)


def probability_reactive(p: np.ndarray, h: np.ndarray) -> np.ndarray:
    """Return P(y=1 | x, h), (n,), to 6 decimals."""
    return np.clip(np.round(ndtr((normal(p) + MOOD * h) / np.sqrt(1 - MOOD**2)), 6), 1e-6, 1 - 1e-6)


def reactions(x: Features, h: np.ndarray, u: dict[str, np.ndarray]) -> Features:
    """Return what the first hour brings: more views for the connected, more reports in a bad mood."""
    reach = 3.0 + 0.4 * np.log1p(x["n_connections"]) + 0.3 * x["has_image"]
    views = whole_lognormal(reach, 0.6 * normal(u["views"]), 0, 1000)

    def some(log_rate: np.ndarray, noise: np.ndarray, most: int) -> np.ndarray:
        expected = np.round(views * np.minimum(np.exp(np.round(log_rate, 6)), 0.6), 6)
        return np.minimum(np.floor(np.round(expected + noise, 6)), np.minimum(views, most))

    return {
        "views_1h": views,
        "likes_1h": some(-2.6 - 0.5 * h, u["likes"], 100),
        "comments_1h": some(-3.6 + 0.2 * h + 0.4 * (x["topic"] == TOPICS.index("jobs")), u["comments"], 30),
        "reports_1h": some(-5.6 + 1.3 * h, u["reports"], 30),
    }
