"""A small table, two packages trained on it, and a shelf to take them from."""

import time

import lightgbm
import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from mlsd.package import ModelPackage
from mlsd.prediction_log import PredictionLog
from mlsd.profile import Profile
from mlsd.report import RefusedError, Report
from mlsd.schema import Schema
from mlsd.serving import create_app


class Shelf:
    """A source of packages that a test can change, break and count."""

    def __init__(self, packages, champion=1):
        self.packages, self.champion, self.broken, self.loads = dict(packages), champion, set(), 0

    def resolve(self, reference):
        if self.champion is None:
            raise RefusedError(f"{reference} is nobody")
        return self.champion

    def load(self, reference):
        self.loads += 1
        number = int(reference.partition("@")[2])
        if number in self.broken:
            raise OSError("the disk hums")
        return self.packages[number]


@pytest.fixture(scope="session")
def table():
    draw, n = np.random.default_rng(7), 1500
    links, chars = draw.integers(0, 12, n), draw.uniform(0.0, 900.0, n).round(3)
    ratio = np.where(draw.random(n) < 0.1, np.nan, draw.random(n).round(4))
    return pd.DataFrame(
        {
            "post_id": [f"p{i:05d}" for i in range(n)],
            "posted_at": pd.date_range("2024-01-01", periods=n, freq="min", tz="UTC"),
            "n_links": links,
            "n_chars": chars,
            "caps_ratio": ratio,
            "has_image": draw.random(n) < 0.5,
            "topic": draw.choice(["jobs", "news", "fun"], n),
            "is_spam": links + 4 * draw.standard_normal(n) > 7,
        }
    )


def make_package(table, seed):
    schema = Schema.infer(table, target="is_spam", units={"n_chars": "characters"})
    features = schema.features()
    y = table["is_spam"].to_numpy(dtype=float)
    data = lightgbm.Dataset(schema.encode_frame(table, features), y, params={"verbosity": -1})
    fit = {"objective": "binary", "num_threads": 1, "verbosity": -1, "seed": seed, "feature_fraction": 0.6}
    model = lightgbm.train(fit, data, num_boost_round=20)
    return ModelPackage(
        model,
        schema,
        Profile.of(table),
        Report("spam"),
        {"data": str(seed)},
        features,
        "binary",
        (False, True),
    )


@pytest.fixture(scope="session")
def packages(table):
    return {number: make_package(table, number) for number in (1, 2)}


@pytest.fixture
def shelf(packages):
    return Shelf(packages)


@pytest.fixture
def log(tmp_path):
    return PredictionLog(tmp_path / "log.sqlite")


@pytest.fixture
def client(shelf):
    with TestClient(create_app(shelf, "spam")) as client:
        yield wait_ready(client)


def wait_ready(client, version=None):
    """Return a client once its server is ready (with this version)."""
    for _ in range(500):
        answer = client.get("/health/ready")
        if answer.status_code == 200 and version in (None, answer.json()["version"]):
            return client
        time.sleep(0.01)
    raise AssertionError(answer.text)


@pytest.fixture(name="wait_ready")
def wait_ready_fixture():
    return wait_ready


@pytest.fixture
def row():
    return {
        "n_links": 3,
        "n_chars": 120.5,
        "caps_ratio": None,
        "has_image": True,
        "topic": "jobs",
    }
