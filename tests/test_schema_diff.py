"""Two versions of a contract: what is narrower breaks the producer, what is wider the consumer."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.report import Report
from mlsd.schema import Column, Rule, Schema, diff

AGE = Column("age", "integer", minimum=0, maximum=120, unit="years")
LANGUAGE = Column("language", "category", categories=("en", "nl"))
AT = Column("at", "time", max_age="2 days")
ID = Column("id", "text", pattern="p-[0-9]+")
OLD = Schema((AGE, LANGUAGE, AT, ID), rules=(Rule("adults", "age >= 18"),))
BOTH, PRODUCER, CONSUMER, NOBODY = ["producer", "consumer"], ["producer"], ["consumer"], []


@pytest.mark.parametrize(
    ("column", "change", "code", "breaks", "message"),
    [
        (AGE, {"maximum": 99}, "maximum", PRODUCER, "120 -> 99: breaks the producer"),
        (AGE, {"maximum": 130}, "maximum", CONSUMER, "120 -> 130: breaks the consumer"),
        (AGE, {"maximum": None}, "maximum", CONSUMER, "120 -> nothing: breaks the consumer"),
        (AGE, {"minimum": 1}, "minimum", PRODUCER, "0 -> 1: breaks the producer"),
        (AGE, {"minimum": -1}, "minimum", CONSUMER, "0 -> -1: breaks the consumer"),
        (AGE, {"kind": "number"}, "kind", CONSUMER, "integer -> number: breaks the consumer"),
        (AGE, {"nullable": True}, "nullable", CONSUMER, "False -> True: breaks the consumer"),
        (AGE, {"unique": True}, "unique", PRODUCER, "False -> True: breaks the producer"),
        (AGE, {"unit": "months"}, "unit", BOTH, "years -> months: breaks the producer and the consumer"),
        (AGE, {"known_at": "label"}, "known_at", CONSUMER, "creation -> label: breaks the consumer"),
        (AGE, {"references": "t.age"}, "references", PRODUCER, "nothing -> t.age: breaks the producer"),
        (AGE, {"description": "at sign-up"}, "description", NOBODY, "nothing -> at sign-up: compatible"),
        (LANGUAGE, {"unit": "ISO 639"}, "unit", NOBODY, "nothing -> ISO 639: compatible"),
        (LANGUAGE, {"categories": ("en",)}, "categories", PRODUCER, "en, nl -> en: breaks the producer"),
        (LANGUAGE, {"categories": ("en", "nl", "fr")}, "categories", CONSUMER,
         "en, nl -> en, nl, fr: breaks the consumer"),
        (LANGUAGE, {"categories": ("nl", "en")}, "categories", CONSUMER, "en, nl -> nl, en: breaks the consumer"),
        (LANGUAGE, {"categories": ("en", "fr")}, "categories", BOTH,
         "en, nl -> en, fr: breaks the producer and the consumer"),
        (LANGUAGE, {"kind": "text", "categories": None}, "kind", CONSUMER, "category -> text: breaks the consumer"),
        (AT, {"max_age": "1 day"}, "max_age", PRODUCER, "2 days -> 1 day: breaks the producer"),
        (AT, {"max_age": ""}, "max_age", CONSUMER, "2 days -> nothing: breaks the consumer"),
        (AT, {"max_age": "48 hours"}, "max_age", NOBODY, "2 days -> 48 hours: compatible"),
        (AT, {"ordered": True}, "ordered", PRODUCER, "False -> True: breaks the producer"),
        (AT, {"kind": "text", "max_age": ""}, "kind", BOTH,
         "time -> text: breaks the producer and the consumer"),
        (ID, {"pattern": ""}, "pattern", CONSUMER, "p-[0-9]+ -> nothing: breaks the consumer"),
        (ID, {"pattern": "q"}, "pattern", BOTH, "p-[0-9]+ -> q: breaks the producer and the consumer"),
    ],
)  # fmt: skip
def test_who_is_hurt_by_a_change(column, change, code, breaks, message):
    new = Schema(tuple(replace(c, **change) if c is column else c for c in OLD))
    found = [f for f in diff(Schema(OLD.columns), new) if f.code == code]
    assert [(f.subject, f.details["breaks"], f.message) for f in found] == [(column.name, breaks, message)]
    assert found[0].ok == (not breaks)


def test_columns_rules_groups_and_the_target_come_and_go():
    more = Column("zip", "text")
    new = Schema((AT, AGE, LANGUAGE, more), "age", (Rule("age <= 90"),), unique=[["age", "at"]])
    report = diff(OLD, new)
    assert [(f.code, f.subject, f.details["breaks"]) for f in report] == [
        ("removed_column", "id", CONSUMER),
        ("added_column", "zip", PRODUCER),
        ("rule", "adults", CONSUMER),
        ("rule", "age <= 90", PRODUCER),
        ("unique", "age and at", PRODUCER),
        ("target", "", CONSUMER),
    ]
    assert not report.ok
    assert Report.from_json(report.to_json()) == report
    assert [f.code for f in diff(new, OLD)].count("unique") == 1


def test_what_binds_nobody():
    named = Schema((ID, AT, LANGUAGE, AGE), rules=(Rule("grown up", "age >= 18"),))
    assert diff(OLD, OLD).findings == diff(OLD, named).findings == ()
    assert diff(OLD, named).ok
    a, b = (Schema((AGE, AT), unique=[group]) for group in (("age", "at"), ("at", "age")))
    assert diff(a, b).findings == ()
    wide = Schema((Column("w", "category", categories=tuple(map(str, range(10**5)))),))
    assert len(diff(wide, wide.select([])).to_json()) < 500


# ---- the law -------------------------------------------------------------------------------------

LIMIT = st.none() | st.integers(0, 3)


@st.composite
def contracts(draw):
    low, high = draw(LIMIT), draw(LIMIT)
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
    number = Column(
        "n", draw(st.sampled_from(["integer", "number"])), minimum=low, maximum=high,
        nullable=draw(st.booleans()),
    )  # fmt: skip
    word = Column("w", "text", unique=draw(st.booleans()), pattern=draw(st.sampled_from(["", "[ab]", "a"])))
    if draw(st.booleans()):
        word = Column(
            "w", "category", categories=draw(st.permutations(["a", "b", "c"]))[: draw(st.integers(1, 3))]
        )
    time = Column(
        "t", "time", ordered=draw(st.booleans()), max_age=draw(st.sampled_from(["", "2 days", "5 days"]))
    )
    rules = draw(
        st.lists(st.sampled_from([Rule("n <= 2"), Rule("again", "n <= 2"), Rule("w != 'b'")]), max_size=2)
    )
    return Schema((number, word, time), rules=tuple(rules), unique=draw(st.sampled_from([(), (("n", "w"),)])))


@st.composite
def versions(draw):
    """Two versions that differ in one thing or two, so that many changes break one side only."""
    old, other = draw(contracts()), draw(contracts())
    parts = [
        *zip(old.columns, other.columns, strict=True),
        (old.rules, other.rules),
        (old.unique, other.unique),
    ]
    changed = draw(st.sets(st.integers(0, len(parts) - 1), max_size=2))
    *columns, rules, unique = [pair[at in changed] for at, pair in enumerate(parts)]
    return old, Schema(tuple(columns), None, rules, unique)


ROWS = st.lists(
    st.tuples(st.none() | st.sampled_from([0, 1, 2, 3, 0.5]), st.sampled_from("abc"), st.integers(1, 9)),
    max_size=3,
)


@given(versions(), ROWS)
@settings(max_examples=100)
def test_what_breaks_nobody_refuses_no_table(pair, rows):
    old, new = pair
    frame = pd.DataFrame(rows, columns=["n", "w", "t"], dtype=object)
    frame["t"] = [pd.Timestamp(2024, 1, day, tz="UTC") for day in frame["t"]]
    now = pd.Timestamp(2024, 1, 9, tz="UTC")
    fits_old, fits_new = (schema.validate(frame, now=now).ok for schema in (old, new))
    broken = {who for finding in diff(old, new) for who in finding.details["breaks"]}
    if "producer" not in broken:
        assert fits_new or not fits_old
    if "consumer" not in broken:
        assert fits_old or not fits_new


@given(contracts(), contracts())
def test_the_way_back_hurts_the_others(old, new):
    swapped = {"producer": "consumer", "consumer": "producer"}
    there = sorted((f.code, f.subject, sorted(f.details["breaks"])) for f in diff(old, new))
    back = sorted(
        (f.code, f.subject, sorted(swapped[w] for w in f.details["breaks"])) for f in diff(new, old)
    )
    assert [f for f in there if f[0] != "categories"] == [f for f in back if f[0] != "categories"]
    assert diff(old, old).ok
