"""How dear is a schema? Validation beside hand-written masks and pandera; one record beside a bare loop.

Run `python tests/benchmarks/bench_schema.py` (about a minute) or with `--quick` (a few seconds).
Everything is measured in this one process, alternating; ratios are to the hand-written floor.
"""

import statistics
import sys
import time

import numpy as np
import pandas as pd

from mlsd.schema import Column, Rule, Schema

LANGUAGES = ("de", "en", "fr", "it", "nl")


def make_frame(n: int) -> pd.DataFrame:
    """A table of n rows and 10 columns: a key, a time, numbers, integers, a flag, categories."""
    rng = np.random.default_rng(0)
    views = rng.poisson(400, n)
    return pd.DataFrame(
        {
            "post_id": rng.permutation(n),
            "posted_at": pd.Timestamp("2024-01-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 10**6, n), unit="s"),
            "length": rng.gamma(2, 100, n).round(6),
            "share_capitals": rng.random(n),
            "sentiment": rng.normal(0, 1, n),
            "views": views,
            "likes": rng.binomial(views, 0.1),
            "promoted": rng.random(n) < 0.1,
            "language": rng.choice(LANGUAGES, n),
            "country": pd.Categorical(rng.choice(["BE", "DE", "NL"], n)),
        }
    )


def spoil(frame: pd.DataFrame, every: int = 1000) -> pd.DataFrame:
    """Break one row in `every`, each in one of four ways."""
    frame = frame.copy()
    rows = np.arange(0, len(frame), every)
    frame.loc[rows[0::4], "length"] = np.nan
    frame.loc[rows[1::4], "share_capitals"] = 30.0
    frame.loc[rows[2::4], "language"] = "xx"
    frame.loc[rows[3::4], "likes"] = frame.loc[rows[3::4], "views"] + 1
    return frame


SCHEMA = Schema(
    (
        Column("post_id", "integer", unique=True),
        Column("posted_at", "time"),
        Column("length", "number", minimum=0, maximum=1e5),
        Column("share_capitals", "number", minimum=0, maximum=1),
        Column("sentiment", "number", minimum=-20, maximum=20),
        Column("views", "integer", minimum=0, maximum=10_000),
        Column("likes", "integer", minimum=0, maximum=10_000),
        Column("promoted", "boolean"),
        Column("language", "category", categories=LANGUAGES),
        Column("country", "category", categories=("BE", "DE", "NL")),
    ),
    rules=(Rule("likes <= views"),),
)


def by_hand(frame: pd.DataFrame) -> int:
    """The floor: the same checks as hand-written pandas masks, knowing every dtype. Returns bad rows."""
    bad = frame["post_id"].duplicated().to_numpy() | frame["posted_at"].isna().to_numpy()
    for name in ("length", "share_capitals", "sentiment", "views", "likes"):
        values, column = frame[name].to_numpy(), SCHEMA[name]
        bad |= ~((values >= column.minimum) & (values <= column.maximum))
    bad |= ~frame["language"].isin(LANGUAGES).to_numpy()
    bad |= (frame["country"].cat.codes < 0).to_numpy()
    bad |= frame["likes"].to_numpy() > frame["views"].to_numpy()
    return int(bad.sum())


def by_schema(frame: pd.DataFrame) -> int:
    return sum(finding.count for finding in SCHEMA.validate(frame).failures)


def pandera_check():
    """The same schema in pandera, or None when it is not installed."""
    try:
        import pandera.pandas as pa
    except ImportError:
        return None
    between = pa.Check.in_range
    schema = pa.DataFrameSchema(
        {
            "post_id": pa.Column(int, unique=True),
            "posted_at": pa.Column(nullable=False),
            **{
                name: pa.Column(float, between(SCHEMA[name].minimum, SCHEMA[name].maximum))
                for name in ("length", "share_capitals", "sentiment")
            },
            **{name: pa.Column(int, between(0, 10_000)) for name in ("views", "likes")},
            "promoted": pa.Column(bool),
            "language": pa.Column(str, pa.Check.isin(LANGUAGES)),
            "country": pa.Column("category", pa.Check.isin(("BE", "DE", "NL"))),
        },
        checks=pa.Check(lambda frame: frame["likes"] <= frame["views"]),
    )

    def check(frame: pd.DataFrame) -> int:
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            return error.failure_cases["index"].nunique()
        return 0

    return check


def measured(ways: dict, repeats: int) -> dict[str, tuple[list[float], object]]:
    """Time each way `repeats` times, alternating: name -> (seconds, last answer)."""
    seconds, answers = {name: [] for name in ways}, {}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            answers[name] = way()
            seconds[name].append(time.perf_counter() - start)
    return {name: (seconds[name], answers[name]) for name in ways}


def show(title: str, found: dict, scale: float, unit: str) -> None:
    floor = statistics.median(next(iter(found.values()))[0])
    print(f"\n{title}")
    for name, (seconds, answer) in found.items():
        middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
        told = f"   found {answer}" if isinstance(answer, int) else ""
        span = f"{low * scale:.2f}-{high * scale:.2f}"
        print(f"  {name:<24} {middle * scale:8.2f} {unit} ({span})  x{middle / floor:.2f}{told}")


def bench_validate(n: int, repeats: int) -> None:
    clean, pandera = make_frame(n), pandera_check()
    for words, frame in (
        ("clean", clean),
        ("1 row in 1,000 bad", spoil(clean)),
        ("all bad", spoil(clean, 1)),
    ):
        ways = {"masks by hand": lambda f=frame: by_hand(f), "Schema.validate": lambda f=frame: by_schema(f)}
        if pandera is not None and words != "all bad":
            ways["pandera"] = lambda f=frame: pandera(f)
        show(f"validate {n:,} x 10, {words}", measured(ways, repeats), 1e3, "ms")


def bench_encode(repeats: int) -> None:
    """One record of 20 fields: numbers, integers, flags and categories in equal parts."""
    columns = []
    for at in range(5):
        columns += [
            Column(f"number_{at}", "number", minimum=0, maximum=1, nullable=at % 2 == 0),
            Column(f"count_{at}", "integer", minimum=0, maximum=100),
            Column(f"flag_{at}", "boolean"),
            Column(f"name_{at}", "category", categories=LANGUAGES),
        ]
    schema = Schema(tuple(columns))
    names = schema.names
    record = {
        c.name: {"number": 0.5, "integer": 7, "boolean": True, "category": "nl"}[c.kind] for c in columns
    }
    codes = {name: at for at, name in enumerate(LANGUAGES)}

    def bare() -> np.ndarray:
        cells = (record[name] for name in names)
        return np.array([[codes[cell] if type(cell) is str else float(cell) for cell in cells]])

    frame = pd.DataFrame([record])
    times = 2000
    ways = {
        "bare loop, no checks": lambda: [bare() for _ in range(times)],
        "Schema.encode": lambda: [schema.encode([record]) for _ in range(times)],
        "Schema.encode_frame": lambda: [schema.encode_frame(frame) for _ in range(times // 20)],
    }
    found = measured(ways, repeats)
    per_row = {"Schema.encode_frame": times // 20}
    found = {
        name: ([s / per_row.get(name, times) for s in seconds], None) for name, (seconds, _) in found.items()
    }
    show("encode one record of 20 fields", found, 1e6, "us")


if __name__ == "__main__":
    quick = "--quick" in sys.argv
    bench_validate(100_000 if quick else 1_000_000, 3 if quick else 7)
    bench_encode(3 if quick else 7)
