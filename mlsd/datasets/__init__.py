"""Worlds with a known truth: made tables whose faults, drifts and best reachable score are known."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bundled import Table as Table
    from .bundled import load_table as load_table
    from .drift import Drift as Drift
    from .fault import Fault as Fault
    from .feed import make_news_feed as make_news_feed
    from .parcels import make_parcel_volumes as make_parcel_volumes
    from .spam import make_spam_posts as make_spam_posts
    from .views import make_views as make_views
    from .world import World as World

__all__ = [
    "Drift",
    "Fault",
    "Table",
    "World",
    "load_table",
    "make_news_feed",
    "make_parcel_volumes",
    "make_spam_posts",
    "make_views",
]

_HOME = {
    "Drift": "drift",
    "Fault": "fault",
    "Table": "bundled",
    "World": "world",
    "load_table": "bundled",
    "make_news_feed": "feed",
    "make_parcel_volumes": "parcels",
    "make_spam_posts": "spam",
    "make_views": "views",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
