"""A schema as text: edited by a person, so every slip gets a sentence; told to web clients."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from mlsd.schema import Column, Rule, Schema

SCHEMA = Schema(
    (
        Column("post_id", "text", unique=True),
        Column("posted_at", "time"),
        Column("n_links", "integer", minimum=0, maximum=40, unit="links", description="in the text"),
        Column("caps", "number", nullable=True, minimum=0.25),
        Column("language", "category", categories=("en", "nl"), nullable=True),
        Column("promoted", "boolean"),
        Column("is_spam", "boolean", known_at="label"),
    ),
    target="is_spam",
    rules=(Rule("few links", "n_links < 30"), Rule("caps <= n_links")),
)
TEXT = """{
 "format": 1,
 "target": "is_spam",
 "columns": [
  {"name": "post_id", "kind": "text", "unique": true},
  {"name": "posted_at", "kind": "time"},
  {"name": "n_links", "kind": "integer", "minimum": 0, "maximum": 40, "unit": "links", "description": "in the text"},
  {"name": "caps", "kind": "number", "nullable": true, "minimum": 0.25},
  {"name": "language", "kind": "category", "nullable": true, "categories": ["en", "nl"]},
  {"name": "promoted", "kind": "boolean"},
  {"name": "is_spam", "kind": "boolean", "known_at": "label"}
 ],
 "rules": [
  {"name": "few links", "expression": "n_links < 30"},
  {"name": "caps <= n_links", "expression": "caps <= n_links"}
 ]
}"""


def test_the_text_reads_one_column_a_line():
    assert SCHEMA.to_json() == TEXT
    assert Schema.from_json(TEXT) == SCHEMA


def test_a_person_may_leave_out_what_is_usual():
    text = '{"format": 1, "columns": [{"name": "a", "kind": "number"}]}'
    assert Schema.from_json(text) == Schema((Column("a", "number"),))
    rule = '{"format": 1, "columns": [{"name": "a", "kind": "number"}], "rules": [{"name": "a > 0"}]}'
    assert Schema.from_json(rule).rules == (Rule("a > 0"),)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"minimum": 0,', '"minumum": 0,', "column 3 of the schema ('n_links') has the unknown key 'minumum': "
         "did you mean 'minimum'?; expected name, kind, nullable, minimum, maximum, categories, unique, "
         "pattern, references, ordered, max_age, unit, known_at, description"),
        ('"rules"', '"rulez"', "the schema has the unknown key 'rulez': did you mean 'rules'?; "
         "expected format, target, columns, rules, unique"),
        ('"expression": "n_links < 30"', '"if": "n_links < 30"',
         "rule 1 of the schema ('few links') has the unknown key 'if'; expected name, expression"),
        ('"minimum": 0,', '"minimum": 50,', "column 'n_links' has minimum 50 above its maximum 40; swap them"),
        ('"minimum": 0,', '"minimum": "0",', "column 'n_links' has minimum '0'; expected a finite number"),
        ('"minimum": 0,', '"minimum": 1e400,', "the schema holds the number 1e400, which is too large; "
         "expected a finite number"),
        ('"minimum": 0,', '"minimum": NaN,', "the schema holds NaN; expected a finite number, "
         "or null where nothing is known"),
        ('"minimum": 0,', '"name": "again",', "the schema names 'name' twice; expected each name once"),
        ('"kind": "integer"', '"kind": "integers"', "column 'n_links' has kind 'integers'; expected one of number, "
         "integer, boolean, category, text, time: did you mean 'integer'?"),
        ('"kind": "boolean"}', '"king": "boolean"}', "column 6 of the schema ('promoted') has the unknown key "
         "'king': did you mean 'kind'?; expected name, kind, nullable, minimum, maximum, categories, unique, "
         "pattern, references, ordered, max_age, unit, known_at, description"),
        (', "kind": "time"', "", "column 2 of the schema ('posted_at') has no 'kind'; add it"),
        ('"name": "posted_at", ', "", "column 2 of the schema has no 'name'; add it"),
        ('{"name": "posted_at", "kind": "time"}', '"posted_at"', "column 2 of the schema is no object; expected {name, "
         "kind, nullable, minimum, maximum, categories, unique, pattern, references, ordered, max_age, unit, "
         "known_at, description}"),
        ('"name": "posted_at"', '"name": "n_links"', "the schema describes column 'n_links' twice; "
         "expected each name once"),
        ('"is_spam",\n', '"is_spma",\n', "the schema has no column 'is_spma': did you mean 'is_spam'?"),
        ('"is_spam",\n', "[],\n", "the schema has no column []"),
        ("n_links < 30", "n_link < 30", "rule 'n_link < 30' names 'n_link', which is no column: "
         "did you mean 'n_links'?"),
        ('["en", "nl"]', '["en", 3]', "column 'language' is a category; expected one category or more, "
         "all of them texts"),
        ('"format": 1', '"format": 2', "the schema has format 2; this mlsd reads up to 1: update mlsd"),
        ('"format": 1,', "", "the schema has no whole number under 'format'; it was not written by mlsd"),
        ('"format": 1,', '"format": true,',
         "the schema has no whole number under 'format'; it was not written by mlsd"),
        ('"unique": true', '"unique": "yes"', "column 'post_id' has unique 'yes'; expected true or false"),
    ],
)  # fmt: skip
def test_every_slip_gets_a_sentence(old, new, sentence):
    assert TEXT.count(old) >= 1
    with pytest.raises(ValueError) as caught:
        Schema.from_json(TEXT.replace(old, new, 1))
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    "text",
    ["", "[]", "3", "null", "{", '{"format": 1}', '{"format": 1, "columns": {}}', b"\xff\xfe", "[" * 100_000,
     '{"format": 1, "columns": [], "rules": 3}', '{"format": 1, "columns": [], "unique": [3]}',
     '{"format": 1, "columns": [], "unique": {}}', '{"format": 1, "columns": [], "unique": [["a", "b"]]}',
     '{"format": 1, "columns": [[]]}', '{"format": 1, "columns": null}',
     '{"format": 1, "columns": [{"name": [], "kind": {}}]}', '{"format": 1, "columns": [], "target": 3}'],
)  # fmt: skip
def test_what_is_no_schema_is_refused(text):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        Schema.from_json(text)


def test_every_promise_travels():
    schema = Schema(
        (
            Column("id", "text", pattern="p-[0-9]+", references="posts.id"),
            Column("at", "time", ordered=True, max_age="2 days"),
        ),
        unique=(("id", "at"),),
    )
    assert Schema.from_json(schema.to_json()) == schema
    assert (
        schema.to_json()
        == """{
 "format": 1,
 "target": null,
 "columns": [
  {"name": "id", "kind": "text", "pattern": "p-[0-9]+", "references": "posts.id"},
  {"name": "at", "kind": "time", "ordered": true, "max_age": "2 days"}
 ],
 "rules": [],
 "unique": [
  ["id", "at"]
 ]
}"""
    )


@given(st.data())
@settings(max_examples=150)
def test_a_slip_anywhere_gives_a_schema_or_one_sentence(data):
    at = data.draw(st.integers(0, len(TEXT) - 1))
    end = data.draw(st.integers(at, min(len(TEXT), at + 12)))
    put = data.draw(st.sampled_from(["", '"', "{", "]", "0", "-1", "null", "é", ",", '"nl"', "1e999", "[]"]))
    try:
        schema = Schema.from_json(TEXT[:at] + put + TEXT[end:])
    except ValueError as error:
        assert "\n" not in str(error)
    else:
        assert Schema.from_json(schema.to_json()) == schema


# ---- JSON Schema, for OpenAPI --------------------------------------------------------------------


def test_a_record_is_described():
    described = SCHEMA.to_json_schema()
    assert described == {
        "type": "object",
        "properties": {
            "n_links": {"type": "integer", "minimum": 0, "maximum": 40,
                        "description": "in the text, in links", "examples": [20]},
            "caps": {"type": ["number", "null"], "minimum": 0.25, "examples": [0.25]},
            "language": {"type": ["string", "null"], "enum": ["en", "nl", None], "examples": ["en"]},
            "promoted": {"type": "boolean", "examples": [False]},
            "post_id": {"description": "not used by the model"},
            "posted_at": {"description": "not used by the model"},
        },
        "required": ["n_links", "caps", "language", "promoted"],
        "additionalProperties": False,
    }  # fmt: skip
    assert json.loads(json.dumps(described, allow_nan=False)) == described
    assert next(iter(SCHEMA.to_json_schema(["promoted"])["properties"])) == "promoted"


JSON = (
    st.none() | st.booleans() | st.integers(-3, 42) | st.floats(-3, 42) | st.sampled_from([0.25, 1e300, 10**30])
    | st.sampled_from(["en", "nl", "xx", "", "3"]) | st.just([]) | st.just({})
)  # fmt: skip
WITHOUT_RULES = Schema(SCHEMA.columns)


@given(
    st.fixed_dictionaries(dict.fromkeys(SCHEMA.features(), JSON), optional={"post_id": JSON, "likes": JSON})
)
@settings(max_examples=150)
def test_a_validator_accepts_exactly_what_encode_accepts(record):
    Draft202012Validator.check_schema(WITHOUT_RULES.to_json_schema())
    accepted = Draft202012Validator(WITHOUT_RULES.to_json_schema()).is_valid(record)
    try:
        WITHOUT_RULES.encode(record)
    except ValueError:
        assert not accepted
    else:
        assert accepted


@given(JSON | st.sampled_from(["p-1", "p-", "xp-1", "p-1x", "p-١"]))
def test_texts_and_times_are_described_when_they_are_asked_for(value):
    schema = Schema((Column("id", "text", pattern="p-[0-9]|q", nullable=True), Column("at", "time")))
    described = schema.to_json_schema(["id", "at"])
    assert described["properties"]["at"] == {"type": "string", "format": "date-time"}
    accepted = Draft202012Validator(described["properties"]["id"]).is_valid(value)
    frame = pd.DataFrame({"id": pd.Series([value], dtype=object)})
    assert accepted == schema.select(["id"]).validate(frame).ok


FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.sampled_from(["number", "integer"]),
    st.tuples(st.none() | FINITE | st.integers(-50, 50), st.none() | FINITE | st.integers(-50, 50)),
    st.booleans(),
)
def test_examples_are_accepted(kind, bounds, nullable):
    low, high = bounds
    if low is not None and high is not None:
        low, high = min(low, high), max(low, high)
        if kind == "integer":
            low, high = float(int(low)), float(int(high))  # else no integer may lie between
    schema = Schema((Column("x", kind, minimum=low, maximum=high, nullable=nullable),))
    described = schema.to_json_schema()["properties"]["x"]
    example = described["examples"][0]
    assert schema.encode({"x": json.loads(json.dumps(example))}).shape == (1, 1)
    assert described.get("minimum") == low
    assert described.get("maximum") == high
