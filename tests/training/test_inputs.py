"""What a recipe asks of a table: refused by name, with the remedy, before anything is fitted."""

import numpy as np
import pandas as pd
import pytest

from mlsd import RefusedError, Schema
from mlsd.training import Recipe
from mlsd.training.inputs import check_table, choose_features, schema_for

FRAME = pd.DataFrame(
    {
        "post_id": [f"p{i}" for i in range(60)],
        "at": pd.date_range("2024-02-05", periods=60, tz="UTC"),
        "n_links": np.arange(60) % 7,
        "topic": ["jobs", "news"] * 30,
        "likes": np.arange(60) % 11,
        "reviewed": [True, False, True] * 20,
        "is_spam": [True, False, False] * 20,
    }
)
KNOWN_AT = {"likes": "reaction", "reviewed": "label"}
SCHEMA = Schema.infer(FRAME, target="is_spam", known_at=KNOWN_AT)


def test_all_that_is_known_in_time_is_a_feature():
    assert choose_features(SCHEMA, Recipe("is_spam")) == ("n_links", "topic")
    assert choose_features(SCHEMA, Recipe("is_spam", known_at="reaction")) == ("n_links", "topic", "likes")


def test_the_order_of_the_recipe_is_kept():
    assert choose_features(SCHEMA, Recipe("is_spam", features=["topic", "n_links"])) == ("topic", "n_links")


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (["n_link"], "the schema has no column 'n_link': did you mean 'n_links'"),
        (["is_spam"], "feature 'is_spam' is the target itself; leave it out"),
        (
            ["likes"],
            "'likes' is known at reaction, but the recipe predicts at creation; .*known_at='reaction'",
        ),
        (["reviewed"], "'reviewed' is known at label, but the recipe predicts at creation; leave it out$"),
        (["post_id"], "feature 'post_id' is a key; expected a number, a boolean or a category"),
        (["at"], "feature 'at' is of kind time; expected a number"),
        ([], "the recipe lists no features; name one, or leave features=None for all"),
        (["topic", "topic"], "lists feature 'topic' twice"),
    ],
)
def test_a_feature_that_cannot_be_is_refused(features, sentence):
    with pytest.raises(RefusedError, match=sentence):
        choose_features(SCHEMA, Recipe("is_spam", features=features))


def test_a_table_without_usable_columns_is_refused():
    bare = Schema.infer(FRAME[["post_id", "at", "is_spam"]], target="is_spam")
    with pytest.raises(RefusedError, match="no column can be a feature for 'is_spam'; expected a number"):
        choose_features(bare, Recipe("is_spam"))


def test_a_schema_is_inferred_or_turned_to_the_target():
    assert schema_for(FRAME, "is_spam", None) == Schema.infer(FRAME, target="is_spam")
    assert schema_for(FRAME, "is_spam", SCHEMA) is SCHEMA
    turned = schema_for(FRAME, "likes", SCHEMA)
    assert turned.target == "likes"
    assert turned.columns == SCHEMA.columns
    with pytest.raises(RefusedError, match="no column 'spam'"):
        schema_for(FRAME, "spam", SCHEMA)


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"is_spam": [1]}, "the table is a dict; expected a pandas DataFrame"),
        (FRAME.rename(columns={"is_spam": "spam"}), "no column 'is_spam', the target: did you mean 'spam'"),
        (pd.DataFrame(np.ones((20, 2))), "column names that are no text; set frame.columns = "),
        (FRAME.iloc[:9], "^cannot train: 9 rows, needs 10$"),
        (FRAME.iloc[:0], "^cannot train: 0 rows, needs 10$"),
        (pd.concat([FRAME, FRAME["is_spam"]], axis=1), "has 2 columns 'is_spam'; expected one target"),
    ],
)
def test_a_table_that_will_not_do_is_refused(table, sentence):
    with pytest.raises(RefusedError, match=sentence):
        check_table(table, "is_spam")
