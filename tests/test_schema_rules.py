"""Rules: small expressions, read and never run; missing values break nothing."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.report import RefusedError
from mlsd.schema import Column, Rule, Schema

COLUMNS = (
    Column("likes", "integer", nullable=True),
    Column("views", "integer", nullable=True),
    Column("fixed acidity", "number", nullable=True),
    Column("language", "category", categories=("en", "nl"), nullable=True),
    Column("body", "text", nullable=True),
    Column("promoted", "boolean", nullable=True),
    Column("spam", "boolean", nullable=True),
    Column("posted_at", "time", nullable=True),
    Column("labelled_at", "time", nullable=True),
)
NUMBER = st.none() | st.integers(-3, 3)
FLAG = st.none() | st.booleans()
TIME = st.none() | st.integers(1, 3).map(lambda day: pd.Timestamp(2024, 1, day, tz="UTC"))
ROW = st.fixed_dictionaries(
    {
        "likes": NUMBER, "views": NUMBER, "fixed acidity": NUMBER, "promoted": FLAG, "spam": FLAG,
        "language": st.sampled_from([None, "en", "nl"]), "body": st.sampled_from([None, "en", "x"]),
        "posted_at": TIME, "labelled_at": TIME,
    }
)  # fmt: skip
ORACLE = {  # expression -> the same in plain Python
    "likes <= views": lambda r: r["likes"] <= r["views"],
    "likes < views or likes > views": lambda r: r["likes"] != r["views"],
    "0 <= likes < views": lambda r: 0 <= r["likes"] < r["views"],
    "`fixed acidity` * 2 - likes >= -views / 4 + 1": lambda r: (
        r["fixed acidity"] * 2 - r["likes"] >= -r["views"] / 4 + 1
    ),
    "not promoted": lambda r: not r["promoted"],
    "promoted": lambda r: r["promoted"],
    "promoted == spam": lambda r: r["promoted"] == r["spam"],
    "promoted == True": lambda r: r["promoted"],
    "promoted and not spam or likes == 1": lambda r: (r["promoted"] and not r["spam"]) or r["likes"] == 1,
    "likes >= promoted": lambda r: r["likes"] >= r["promoted"],
    "language == 'en'": lambda r: r["language"] == "en",
    "language != body": lambda r: r["language"] != r["body"],
    "posted_at <= labelled_at": lambda r: r["posted_at"] <= r["labelled_at"],
    "not (likes == 2 and language == 'nl')": lambda r: not (r["likes"] == 2 and r["language"] == "nl"),
}


@pytest.mark.parametrize("expression", ORACLE)
def test_a_rule_means_what_python_means(expression):
    schema = Schema(COLUMNS, rules=(Rule(expression),))

    @given(st.lists(ROW, min_size=1, max_size=8))
    @settings(max_examples=25)
    def law(rows):
        frame = pd.DataFrame({c.name: pd.Series([r[c.name] for r in rows], dtype=object) for c in COLUMNS})
        judged = [
            any(r[name] is None for name in schema.rules[0].columns) or ORACLE[expression](r) for r in rows
        ]
        clean, rejected = schema.quarantine(frame)
        assert clean.index.tolist() == np.flatnonzero(judged).tolist()
        assert rejected["reasons"].tolist() == [f"breaks {expression}"] * len(rejected)
        tidy = frame.astype(
            {"likes": "Int64", "views": "float64", "fixed acidity": "float32", "promoted": "boolean",
             "spam": "boolean", "language": "category", "body": "str", "posted_at": "datetime64[ns, UTC]"}
        )  # fmt: skip
        assert schema.quarantine(tidy)[0].index.tolist() == clean.index.tolist()

    law()


def test_a_division_by_zero_is_a_comparison_with_an_infinity():
    schema = Schema(COLUMNS[:2], rules=(Rule("likes / views <= 1"),))
    frame = pd.DataFrame({"likes": [1, 0, 2], "views": [0, 0, 2]})
    assert schema.quarantine(frame)[0].index.tolist() == [2]  # 1/0 is above 1, 0/0 is not at most 1


def test_an_unfit_value_is_told_once():
    schema = Schema(COLUMNS[:2], rules=(Rule("likes <= views"),))
    frame = pd.DataFrame({"likes": pd.Series(["9", 9, float("inf"), 9], dtype=object), "views": [1, 1, 1, 9]})
    assert schema.quarantine(frame)[1]["reasons"].tolist() == [
        "likes has the wrong type, expected an integer",
        "breaks likes <= views",
        "likes is infinite",
    ]
    flags = pd.DataFrame({"likes": [True], "views": [0]})  # no number, so 1 <= 0 is not asked
    assert schema.quarantine(flags)[1]["reasons"].tolist() == [
        "likes has the wrong type, expected an integer"
    ]


def test_rules_over_missing_columns_wait():
    schema = Schema(COLUMNS[:2], rules=(Rule("likes <= views"),))
    report = schema.validate(pd.DataFrame({"likes": [1]}))
    assert [f.code for f in report.failures] == ["missing_column"]


def test_times_far_apart_are_compared():
    schema = Schema(COLUMNS[-2:], rules=(Rule("posted_at <= labelled_at"),))
    old = pd.Series(["1000-01-01", "9000-01-01"], dtype="datetime64[s, UTC]")
    new = pd.Series(["2024-01-01T00:00:00.000001"] * 2, dtype="datetime64[ns, UTC]")
    assert len(schema.quarantine(pd.DataFrame({"posted_at": old, "labelled_at": new}))[1]) == 1
    assert len(schema.quarantine(pd.DataFrame({"posted_at": new, "labelled_at": new.dt.floor("s")}))[1]) == 2


def test_a_name_is_an_expression_and_an_expression_may_have_a_name():
    assert Rule("likes <= views") == Rule("likes <= views", "likes <= views")
    assert repr(Rule("likes <= views")) == "Rule(likes <= views)"
    assert repr(Rule("reach", "likes <= views")) == "Rule(reach: likes <= views)"
    assert Rule("`fixed acidity` > likes").columns == ("fixed acidity", "likes")


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("__import__('os').system('true')", "may not hold 'call'; expected columns and constants"),
        ("likes.__class__ == views", "may not hold 'attribute';"),
        ("likes[0] > 1", "may not hold 'subscript';"),
        ("(lambda: 1)() < likes", "may not hold 'call';"),
        ("[x for x in likes] == 1", "may not hold 'listcomp';"),
        ("likes ** 99999999 > 0", "may not hold 'pow';"),
        ("likes in (1, 2)", "may not hold 'in';"),
        ("likes is views", "may not hold 'is';"),
        ("likes if views else 1", "may not hold 'ifexp';"),
        ("(likes := 3) > 1", "may not hold 'namedexpr';"),
        ("f'{likes}' == 'a'", "may not hold 'joinedstr';"),
        ("likes > 1e999", "may not hold 'constant';"),
        ("likes > 1j", "may not hold 'constant';"),
        ("likes > None", "may not hold 'constant';"),
        ("likes ==", "cannot be read; expected a comparison such as 'likes <= views'"),
        ("likes = views", "cannot be read"),
        ("likes; views", "cannot be read"),
        ("\0", "cannot be read"),
        ("(" * 230 + "likes" + ")" * 230, "cannot be read"),
        ("likes > 1 and " * 50 + "views > 1", "has 709 characters; expected at most 500"),
        ("1 < 2", "names no column; expected one such as 'likes >= 0'"),
    ],
)
def test_what_is_no_rule_is_refused(expression, sentence):
    with pytest.raises(RefusedError) as caught:
        Rule(expression)
    assert str(caught.value).startswith("rule ")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ("liks <= views", "rule 'liks <= views' names 'liks', which is no column: did you mean 'likes'?"),
        ("likes + views", "is no condition; expected a comparison such as 'likes <= views'"),
        ("likes", "is no condition"),
        ("likes < body", "compares numbers with text; expected values of one kind"),
        ("posted_at < 3", "compares times with numbers; expected values of one kind"),
        ("language < body", "puts text in order; text knows == and != only"),
        ("promoted + 1 > 0", "uses booleans where it needs numbers"),
        ("likes and views", "uses numbers where it needs booleans"),
        ("not likes", "uses numbers where it needs booleans"),
        ("-language == 'x'", "uses text where it needs numbers"),
        ("posted_at - labelled_at > 3", "uses times where it needs numbers"),
    ],
)
def test_what_makes_no_sense_over_these_columns_is_refused(expression, sentence):
    with pytest.raises(RefusedError) as caught:
        Schema(COLUMNS, rules=(Rule(expression),))
    assert sentence in str(caught.value)


@pytest.mark.parametrize("parts", [("",), (3,), ("name", 3), (None,)])
def test_a_rule_has_a_name_and_an_expression_of_text(parts):
    with pytest.raises(RefusedError, match=r"expected two texts: its name, its expression$"):
        Rule(*parts)
