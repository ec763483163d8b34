"""Who saw which post when: a stream of views that dies away, made from the count of its first hour."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.datasets.checks import check_number, check_whole
from mlsd.datasets.world import World
from mlsd.report import RefusedError

HOUR = 3600  # seconds
_DAY = 1440.0  # minutes
_NEEDED = ("post_id", "posted_at", "views_1h")


def make_views(
    posts: World | pd.DataFrame, *, half_life: float = 31.0, random_state: int = 0
) -> pd.DataFrame:
    """Return one row per view (`post_id`, `viewed_at`): posts in the order given, times rising in a post.

    A view comes with a density that halves every `half_life`. Exactly `views_1h` views fall into the
    first 3,600 seconds; after them come, on average, `views_1h` / (2^(60 / half_life) - 1) more, which
    is what the same decay leaves. Chance hangs on the post's name, so the views of a stream's batches,
    one below the other, are the views of the whole. A row that stands twice is seen twice.

    Cost: half a second and 70 MB for a million views.

    Args:
        posts: a world, or rows of one: `post_id`, `posted_at` (UTC), `views_1h`.
        half_life: minutes after which half of the views are still to come, at most a day.
        random_state: whole number from 0; another number draws other moments.

    Raises:
        RefusedError: a column is missing or holds what it should not, or an argument is not as described.

    >>> from mlsd.datasets import make_spam_posts
    >>> world = make_spam_posts(1_000)
    >>> views = make_views(world)
    >>> int(world.frame["views_1h"].sum()), len(views)
    (128765, 174358)
    >>> make_views(world, half_life=15)["viewed_at"].max() < views["viewed_at"].max()
    True
    """
    check_number("half_life is", half_life, 0, _DAY, above=True)
    check_whole("random_state is", random_state, 0)
    frame = posts.frame if isinstance(posts, World) else posts
    name, posted, early = _read(frame)
    key = _mix(pd.util.hash_array(name) ^ _mix(np.array([int(random_state) % 2**64], dtype="uint64")))
    left = 2.0 ** (-60.0 / half_life)  # share of the views that is still to come after an hour
    late = np.floor(np.round(early * left / (1 - left), 6) + _uniforms(key, 0)).astype("int64")
    row = np.repeat(np.arange(len(frame)), early + late)
    number = np.arange(len(row)) - np.repeat(np.cumsum(early + late) - early - late, early + late)
    seconds = _seconds(_uniforms(key[row], number + 1), number < early[row], half_life)
    seconds = seconds[np.lexsort((seconds, row))]  # the rows stay, the moments of each are put in order
    at = posted[row] + seconds.astype("timedelta64[s]")
    names = frame["post_id"].array.take(row)
    return pd.DataFrame({"post_id": names, "viewed_at": pd.DatetimeIndex(at, tz="UTC")})


def _seconds(u: np.ndarray, first: np.ndarray, half_life: float) -> np.ndarray:
    """Return whole seconds from post to view, (n,): the decay's quantiles within or beyond the first hour."""
    left = 2.0 ** (-60.0 / half_life)
    to_come = np.where(first, 1 - u * (1 - left), left * (1 - u))  # share of the views after this one
    seconds = np.floor(np.round(-60.0 * half_life * np.log2(to_come), 6)).astype("int64")
    return np.where(first, np.minimum(seconds, HOUR - 1), seconds)  # rounded, the hour's last might leave it


def _read(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return names as text, moments (UTC, without their zone) and counts of the first hour, (n,) each."""
    missing = [column for column in _NEEDED if column not in frame]
    if missing:
        raise RefusedError(
            f"views are made from {', '.join(_NEEDED)}; the table has no {' and no '.join(missing)}"
        )
    posted, early = frame["posted_at"], frame["views_1h"]
    if not isinstance(posted.dtype, pd.DatetimeTZDtype) or posted.isna().any():
        raise RefusedError(
            f"posted_at is {posted.dtype} with {posted.isna().sum()} missing; expected a time with a zone in each row"
        )
    numbers = pd.to_numeric(early, errors="coerce").to_numpy("float64", na_value=np.nan)
    wrong = ~((numbers >= 0) & (numbers == np.floor(numbers)) & np.isfinite(numbers))
    if wrong.any():
        example = early[wrong].tolist()[0]
        raise RefusedError(
            f"views_1h holds {example!r} and {wrong.sum() - 1} more such cells; expected whole numbers from 0"
        )
    moments = posted.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    return frame["post_id"].astype(str).to_numpy(object), moments, numbers.astype("int64")


def _uniforms(key: np.ndarray, number: np.ndarray | int) -> np.ndarray:
    """Return draw `number` of each key's own generator, (n,): uniforms from 0 to below 1."""
    step = np.asarray(number).astype("uint64") * np.uint64(0x9E3779B97F4A7C15)
    return (_mix(key + step) >> np.uint64(11)) * 2.0**-53


def _mix(x: np.ndarray) -> np.ndarray:
    """Return 64 bits well mixed, (n,): whole numbers, so the same everywhere.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014 (SplitMix64).
    """
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
