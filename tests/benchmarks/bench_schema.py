"""How dear is a schema? Whole tables beside masks by hand, pandera and Great Expectations; one record; a portrait.

    python tests/benchmarks/bench_schema.py            # about two minutes
    python tests/benchmarks/bench_schema.py --quick    # without 10^6 rows

Tables have 10 columns and seven kinds of check: type, null, range, set, pattern, unique, across columns.
Every way must return every failing row. CPU seconds are taken in this one process, alternating; ratios
are to pandera. Memory is the highest that a fresh process grows by in its first call. Great Expectations takes
part where it is installed (the extra `oracles`).
"""

import argparse
import importlib.util
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from mlsd.profile import Profile
from mlsd.schema import Column, Rule, Schema

LANGUAGES = ("de", "en", "fr", "it", "nl")
PATTERN = "p-[0-9]{7}"


def make_frame(n: int) -> pd.DataFrame:
    """A table of n rows and 10 columns: a key, a time, numbers, integers, a flag, categories."""
    rng = np.random.default_rng(0)
    views = rng.poisson(400, n)
    return pd.DataFrame(
        {
            "post_id": [f"p-{at:07}" for at in rng.permutation(n)],
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
    """Break one row in `every`, each in one of six ways."""
    frame = frame.copy()
    rows = np.arange(0, len(frame), every)
    frame.loc[rows[0::6], "length"] = np.nan
    frame.loc[rows[1::6], "share_capitals"] = 30.0
    frame.loc[rows[2::6], "language"] = "xx"
    frame.loc[rows[3::6], "likes"] = frame.loc[rows[3::6], "views"] + 1
    frame.loc[rows[4::6], "post_id"] = [f"post {at}" for at in rows[4::6]]
    frame.loc[rows[5::6][1:], "post_id"] = frame.loc[rows[5::6][:1], "post_id"].tolist() * len(rows[5::6][1:])
    return frame


SCHEMA = Schema(
    (
        Column("post_id", "text", unique=True, pattern=PATTERN),
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


def by_hand() -> Callable[[pd.DataFrame], np.ndarray]:
    """The floor: the same checks as hand-written pandas masks, knowing every dtype."""

    def check(frame: pd.DataFrame) -> np.ndarray:
        bad = frame["post_id"].duplicated().to_numpy() | frame["posted_at"].isna().to_numpy()
        bad |= ~frame["post_id"].str.fullmatch(PATTERN).to_numpy(dtype=bool)
        for name in ("length", "share_capitals", "sentiment", "views", "likes"):
            values, column = frame[name].to_numpy(), SCHEMA[name]
            bad |= ~((values >= column.minimum) & (values <= column.maximum))
        bad |= ~frame["language"].isin(LANGUAGES).to_numpy()
        bad |= (frame["country"].cat.codes < 0).to_numpy()
        bad |= frame["likes"].to_numpy() > frame["views"].to_numpy()
        return np.flatnonzero(bad)

    return check


def by_quarantine() -> Callable[[pd.DataFrame], np.ndarray]:
    return lambda frame: SCHEMA.quarantine(frame)[1].index.to_numpy()


def by_pandera() -> Callable[[pd.DataFrame], np.ndarray]:
    """The same schema as somebody at home in pandera writes it."""
    import pandera.pandas as pa

    between = pa.Check.in_range
    schema = pa.DataFrameSchema(
        {
            "post_id": pa.Column(
                str, pa.Check.str_matches(f"^{PATTERN}$"), unique=True, report_duplicates="exclude_first"
            ),
            "posted_at": pa.Column("datetime64[us, UTC]", nullable=False),
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

    def check(frame: pd.DataFrame) -> np.ndarray:
        try:
            schema.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as error:
            return np.unique(error.failure_cases["index"].to_numpy(dtype="int64"))
        return np.zeros(0, dtype="int64")

    return check


def by_great_expectations() -> Callable[[pd.DataFrame], np.ndarray]:
    """The same schema as a suite of expectations; of rows that share a key it names the first one too."""
    import great_expectations as gx

    expect = gx.expectations
    numbers = [column for column in SCHEMA.columns if column.kind in ("number", "integer")]
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    suite = gx.ExpectationSuite(name="posts")
    for expectation in (
        expect.ExpectColumnValuesToMatchRegex(column="post_id", regex=f"^{PATTERN}$"),
        expect.ExpectColumnValuesToBeUnique(column="post_id"),
        *[expect.ExpectColumnValuesToNotBeNull(column=name) for name in SCHEMA.names],
        *[
            expect.ExpectColumnValuesToBeBetween(column=c.name, min_value=c.minimum, max_value=c.maximum)
            for c in numbers
        ],
        expect.ExpectColumnValuesToBeOfType(column="promoted", type_="bool"),
        expect.ExpectColumnValuesToBeInSet(column="language", value_set=list(LANGUAGES)),
        expect.ExpectColumnValuesToBeInSet(column="country", value_set=["BE", "DE", "NL"]),
        expect.ExpectColumnPairValuesAToBeGreaterThanB(column_A="views", column_B="likes", or_equal=True),
    ):
        suite.add_expectation(expectation)
    suite = context.suites.add(suite)
    asset = context.data_sources.add_pandas("memory").add_dataframe_asset("posts")
    whole = asset.add_batch_definition_whole_dataframe("whole")

    def check(frame: pd.DataFrame) -> np.ndarray:
        batch = whole.get_batch(batch_parameters={"dataframe": frame})
        judged = batch.validate(suite, result_format={"result_format": "COMPLETE"})
        bad = np.zeros(len(frame), dtype=bool)
        for one in judged.results:
            if one.exception_info.get("raised_exception"):
                raise RuntimeError(one.exception_info)
            rows = np.array(one.result.get("unexpected_index_list") or [], dtype="int64")
            if one.expectation_config.type == "expect_column_values_to_be_unique":
                rows = rows[frame["post_id"].iloc[rows].duplicated().to_numpy()]
            bad[rows] = True
        return np.flatnonzero(bad)

    return check


WAYS = {"masks by hand": by_hand, "Schema.quarantine": by_quarantine, "pandera": by_pandera}
if importlib.util.find_spec("great_expectations"):
    WAYS["Great Expectations"] = by_great_expectations
TABLES = {"clean": None, "1 row in 1,000 bad": 1000, "1 row in 10 bad": 10, "every row bad": 1}


def grown(way: str, n: int, table: str) -> None:
    """Print by how many MB this process grows at most while it judges a table for the first time."""
    check, frame = WAYS[way](), made(n, table)
    check(made(100, table))  # imports
    before = _status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # forget the highest so far
    check(frame)
    print((_status("VmHWM") - before) / 1024)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def made(n: int, table: str) -> pd.DataFrame:
    every = TABLES[table]
    return make_frame(n) if every is None else spoil(make_frame(n), every)


def bench_tables(sizes: tuple[int, ...], repeats: int) -> None:
    print("| rows x 10 | table | way | CPU, ms (min-max) | beside pandera | memory, MB | bad rows returned |")
    print("|---|---|---|---|---|---|---|")
    for n in sizes:
        for table in TABLES:
            frame = made(n, table)
            checks = {name: make() for name, make in WAYS.items()}
            found = measured({name: lambda c=check, f=frame: c(f) for name, check in checks.items()}, repeats)
            expected = found["masks by hand"][1]
            pandera = statistics.median(found["pandera"][0])
            for name, (seconds, rows) in found.items():
                assert np.array_equal(rows, expected), f"{name} returned other rows"
                command = [sys.executable, __file__, "--grown", name, str(n), table]
                memory = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
                middle = statistics.median(seconds)
                print(
                    f"| {n:,} | {table} | {name} | {middle * 1e3:.1f} ({min(seconds) * 1e3:.1f}-"
                    f"{max(seconds) * 1e3:.1f}) | {middle / pandera:.2f} | {memory:.0f} | {len(rows):,} |",
                    flush=True,
                )


def measured(ways: dict, repeats: int) -> dict[str, tuple[list[float], object]]:
    """Time each way `repeats` times, alternating: name -> (CPU seconds, last answer)."""
    seconds, answers = {name: [] for name in ways}, {}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.process_time()
            answers[name] = way()
            seconds[name].append(time.process_time() - start)
    return {name: (seconds[name], answers[name]) for name in ways}


def show(title: str, found: dict, scale: float, unit: str) -> None:
    floor = statistics.median(next(iter(found.values()))[0])
    print(f"\n{title}")
    for name, (seconds, _) in found.items():
        middle, low, high = statistics.median(seconds), min(seconds), max(seconds)
        span = f"{low * scale:.2f}-{high * scale:.2f}"
        print(f"  {name:<24} {middle * scale:8.2f} {unit} ({span})  x{middle / floor:.2f}")


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


def bench_profile(n: int, repeats: int) -> None:
    """A portrait of the whole table beside one numpy pass: sort the numbers, count the rest."""
    frame = make_frame(n)

    def one_pass() -> None:
        for name in frame:
            values = frame[name]
            if values.dtype.kind == "M":
                np.sort(values.dt.tz_localize(None).to_numpy())
            elif values.dtype.kind in "fiu":
                np.sort(values.to_numpy())
            else:
                pd.factorize(values)

    ways = {"one numpy pass": one_pass, "Profile.of": lambda: Profile.of(frame)}
    show(f"a portrait of {n:,} rows x 10", measured(ways, repeats), 1e3, "ms")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="without 10^6 rows")
    arguments.add_argument("--grown", nargs=3, help=argparse.SUPPRESS)
    given = arguments.parse_args()
    if given.grown:
        grown(given.grown[0], int(given.grown[1]), given.grown[2])
        return
    bench_tables((10_000, 100_000) if given.quick else (10_000, 100_000, 1_000_000), 3 if given.quick else 5)
    bench_profile(100_000 if given.quick else 1_000_000, 3 if given.quick else 5)
    bench_encode(3 if given.quick else 7)


if __name__ == "__main__":
    main()
