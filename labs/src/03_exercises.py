"""Exercises of lab 03: how can coin flips score 0.81?"""

import numpy as np
import pandas as pd

from mlsd.course.lab import Exercise, expect, expect_same

# ---- 03.1 ------------------------------------------------------------------------------------------

waiting = Exercise(
    "03.1",
    "What waits, and why?",
    level="warm-up",
    minutes=5,
    objectives=(1,),
    hints=(
        "Ask each rule about every row; a rule answers with one truth value per row.",
        "A row is rejected when any rule says no. `~kept` turns the answer of a rule round.",
        "Per row, the reasons are the names of the rules whose answer is False: join them.",
    ),
)


@waiting.reference
def quarantine(frame, rules):
    broken = np.array([~rule(frame) for rule in rules.values()])  # a row per rule
    reasons = ["; ".join(name for name, b in zip(rules, row, strict=True) if b) for row in broken.T]
    rejected = broken.any(axis=0)
    return frame[~rejected], frame[rejected].assign(reasons=[reason for reason in reasons if reason])


RULES = {  # not in the order of their names
    "no such depot": lambda frame: frame["depot"].isin(["north", "south"]),
    "a parcel count is missing": lambda frame: frame["parcels"].notna(),
    "fewer than no parcels": lambda frame: ~(frame["parcels"] < 0),
}


@waiting.inputs
def some_deliveries(rng):
    n = int(rng.integers(6, 20))
    parcels = rng.integers(-2, 9, n).astype(float)
    parcels[rng.random(n) < 0.2] = np.nan
    depot = rng.choice(["north", "south", "nroth"], n)
    remark = rng.choice(["late", None], n)  # may be missing: no rule forbids it
    parcels[0], depot[0], remark[0] = 3, "north", None
    index = rng.permutation(n) + 100
    return pd.DataFrame({"parcels": parcels, "depot": depot, "remark": remark}, index=index), RULES


@waiting.law("clean and rejected rows together are the input, each row once")
def _(answer, rng):
    frame, rules = some_deliveries(rng)
    clean, rejected = answer(frame, rules)
    expect_same(sorted([*clean.index, *rejected.index]), sorted(frame.index), "index labels of both parts")


@waiting.law("clean rows are as they came")
def _(answer, rng):
    frame, rules = some_deliveries(rng)
    clean, _ = answer(frame, rules)
    expect_same(clean, frame[frame.index.isin(clean.index)], "the clean rows")


@waiting.law("the table that is handed in stays as it was")
def _(answer, rng):
    frame, rules = some_deliveries(rng)
    answer(frame, rules)
    expect_same(answer.given[0], frame, "the table after the call")


@waiting.law("every reason of every rejected row is named, in the order of the rules")
def _(answer, rng):
    frame = pd.DataFrame({"parcels": [3.0, np.nan, -1.0, np.nan], "depot": ["north", "south", "nroth", "x"]})
    _, rejected = answer(frame, RULES)
    wanted = ["a parcel count is missing", "no such depot; fewer than no parcels"]
    expect_same(
        list(rejected["reasons"]), [*wanted, "no such depot; a parcel count is missing"], "the reasons"
    )


@waiting.misconception(
    "drop_and_forget",
    why="Rows are thrown away; whoever sent them will never know.",
    hint="What is rejected waits: return it.",
)
def _(frame, rules):
    clean, rejected = quarantine(frame, rules)
    return clean, rejected.iloc[:0]


@waiting.misconception(
    "no_reasons",
    why="Rows wait and nobody can say why.",
    hint="Rejected rows need a column `reasons`, for whoever sent them.",
)
def _(frame, rules):
    clean, rejected = quarantine(frame, rules)
    return clean, rejected.drop(columns="reasons")


@waiting.misconception(
    "reasons_in_the_table",
    why="The column `reasons` stands in the clean rows too; they are no longer as they came.",
    hint="Put the reasons beside the rejected rows only: `.assign` makes a table of its own.",
    seen=lambda parts: ["reasons" in part for part in parts],
)
def _(frame, rules):
    frame["reasons"] = quarantine(frame, rules)[1]["reasons"]
    return frame[frame["reasons"].isna()], frame[frame["reasons"].notna()]


@waiting.misconception(
    "the_wrong_way_round",
    why="The rows that break a rule came first, the clean ones second.",
    hint="First the rows that keep all rules.",
    seen=lambda parts: [list(part.index) for part in parts],
)
def _(frame, rules):
    return quarantine(frame, rules)[::-1]


@waiting.misconception(
    "numbered_anew",
    why="The rows lost their index; nobody finds them again in the table they came from.",
    hint="Select rows, and do not reset the index.",
    seen=lambda parts: [list(part.index) for part in parts],
)
def _(frame, rules):
    clean, rejected = quarantine(frame, rules)
    return clean.reset_index(drop=True), rejected.reset_index(drop=True)


@waiting.misconception(
    "first_reason_only",
    why="A row may break two rules; the sender mends one, and the row comes back.",
    hint="Go on asking after the first no.",
)
def _(frame, rules):
    clean, rejected = quarantine(frame, rules)
    return clean, rejected.assign(reasons=rejected["reasons"].str.split("; ").str[0])


@waiting.misconception(
    "fill_from_all",
    why="A gap is filled with an average of everything, and nobody is told.",
    hint="Let the row wait. A fill value is a statistic, too: which rows made it?",
)
def _(frame, rules):
    return quarantine(frame.fillna({"parcels": frame["parcels"].mean()}), rules)


@waiting.misconception(
    "all_rules_at_once",
    why="This rejects a row only when it breaks every rule.",
    hint="One broken rule is enough.",
)
def _(frame, rules):
    _, rejected = quarantine(frame, rules)
    worst = rejected[rejected["reasons"].str.count(";") == len(rules) - 1]
    return frame.drop(worst.index), worst


# ---- 03.2 ------------------------------------------------------------------------------------------

encoding = Exercise(
    "03.2",
    "How does an author become a number without telling the label?",
    level="core",
    minutes=8,
    objectives=(2,),
    hints=(
        "Ann has two rows in fold 0, labels 1 and 0, and none elsewhere. Which labels may teach them?",
        "For each fold k: group the rows *outside* of k by author, and map the rows inside.",
        "Unknown is the average: `.fillna(rest['is_spam'].mean())`. For `other`, all of `train` may teach.",
    ),
)


@encoding.reference
def encode(train, other, fold):
    encoded = np.zeros(len(train))
    for k in np.unique(fold):
        rest = train[fold != k]
        means = rest.groupby("author")["is_spam"].mean()
        encoded[fold == k] = train["author"][fold == k].map(means).fillna(rest["is_spam"].mean())
    means = train.groupby("author")["is_spam"].mean()
    return encoded, other["author"].map(means).fillna(train["is_spam"].mean()).to_numpy()


@encoding.inputs
def some_posts(rng):
    n, m = int(rng.integers(20, 40)), int(rng.integers(5, 15))
    authors = rng.integers(0, 8, n + m)
    spam = (rng.random(n + m) < 0.2 + 0.1 * (authors % 4)).astype(float)
    frame = pd.DataFrame({"author": [f"author {a}" for a in authors], "is_spam": spam})
    frame.loc[n] = "nobody knows", 1.0
    frame.loc[0, "author"] = "only once"
    return frame.iloc[:n], frame.iloc[n:], rng.permutation(np.arange(n) % 4)


def encoded(answer, train, other, fold):
    """The two arrays of an answer; a Series counts by its values."""
    inside, outside = answer(train, other, fold)
    return np.asarray(inside, dtype=float), np.asarray(outside, dtype=float)


def flipped(frame, row):
    changed = frame.copy()
    changed.iloc[row, 1] = 1 - changed.iloc[row, 1]
    return changed


@encoding.law("the labels of the other rows change nothing")
def _(answer, rng):
    train, other, fold = some_posts(rng)
    turned = other.assign(is_spam=1 - other["is_spam"])
    before, after = encoded(answer, train, other, fold), encoded(answer, train, turned, fold)
    said = "all labels of the other rows turned round; training rows first, then the others"
    expect_same(np.concatenate(after), np.concatenate(before), said)


@encoding.law("no label of its own fold changes the value of a training row")
def _(answer, rng):
    train, other, fold = some_posts(rng)
    before = encoded(answer, train, other, fold)[0]
    for row in (0, 1, len(train) - 1):
        after = encoded(answer, flipped(train, row), other, fold)[0]
        said = f"the label of training row {row} flipped; the rows of its fold"
        expect_same(after[fold == fold[row]], before[fold == fold[row]], said)


@encoding.law("an author nobody knows gets the average of those who teach")
def _(answer, rng):
    train, other, fold = some_posts(rng)
    inside, outside = encoded(answer, train, other, fold)
    expect_same(outside[0], train["is_spam"].mean(), "an author of the other rows who is in no training row")
    rest = train["is_spam"][fold != fold[0]].mean()
    expect_same(inside[0], rest, "an author of one training row, who is in no other fold")


@encoding.law("an author who is known gets the mean of the labels that teach")
def _(answer, rng):
    train = pd.DataFrame({"author": ["Ann"] * 6 + ["Bob"] * 2, "is_spam": [1.0, 0, 0, 1, 1, 1, 1, 0]})
    inside, outside = encoded(answer, train, train.iloc[[0, 6]], np.array([0, 0, 1, 1, 1, 2, 0, 1]))
    ann, bob = [3 / 4, 3 / 4, 2 / 3, 2 / 3, 2 / 3, 3 / 5], [0, 1]
    said = "Ann's labels 1, 0 | 0, 1, 1 | 1 and Bob's 1 | 0 | none in three folds"
    expect_same(list(inside), [*ann, *bob], said)
    expect_same(list(outside), [4 / 6, 1 / 2], f"{said}: Ann and Bob among the other rows")


@encoding.misconception(
    "fit_before_split",
    why="The labels of the test rows wrote this feature.",
    hint="Whatever has a fit comes after the split: `other` may be mapped, never grouped.",
)
def _(train, other, fold):
    both = pd.concat([train, other])
    means = both.groupby("author")["is_spam"].mean()
    return train["author"].map(means).to_numpy(), other["author"].map(means).to_numpy()


@encoding.misconception(
    "own_label",
    why="Each training row still sees its own label; the model learns to read it, and cannot later.",
    hint="Let the other folds teach this one.",
)
def _(train, other, fold):
    means, average = train.groupby("author")["is_spam"].mean(), train["is_spam"].mean()
    return train["author"].map(means).to_numpy(), other["author"].map(means).fillna(average).to_numpy()


def inside_of(train, fold):
    """The training values of the reference in one sweep: wrong ideas are asked often."""
    author, elsewhere = train["author"].to_numpy(dtype=object), fold[:, None] != fold
    own = (author[:, None] == author) & elsewhere  # (n, n): which row teaches which
    teaches = np.where(own.any(axis=1, keepdims=True), own, elsewhere)
    return teaches @ train["is_spam"].to_numpy() / teaches.sum(axis=1)


def outside_of(train, other, unseen):
    return other["author"].map(train.groupby("author")["is_spam"].mean()).fillna(unseen).to_numpy()


@encoding.misconception(
    "leave_one_out",
    why="Only the row itself is left out; the other rows of its fold still teach it.",
    hint="Leave out the whole fold.",
)
def _(train, other, fold):
    return inside_of(train, np.arange(len(train))), outside_of(train, other, train["is_spam"].mean())


@encoding.misconception(
    "mean_of_means",
    why="This averages the means of the folds: a fold with one row of the author counts like one with ten.",
    hint="Put the rows of the other folds together first, then take one mean.",
)
def _(train, other, fold):
    inside, outside = inside_of(train, fold), outside_of(train, other, train["is_spam"].mean())
    means = train.groupby(["author", fold])["is_spam"].mean().unstack()
    for k in np.unique(fold):
        rest = train["author"][fold == k].map(means.drop(columns=k).mean(axis=1))
        inside[fold == k] = np.where(rest.isna(), inside[fold == k], rest)
    return inside, outside


def unknown(parts):
    """What the author whom nobody knows is given: the first of the other rows."""
    return np.asarray(parts[1], dtype=float)[0]


@encoding.misconception(
    "unseen_is_zero",
    why="This calls everyone innocent whom it does not know.",
    hint="Unknown is the average.",
    seen=unknown,
)
def _(train, other, fold):
    return inside_of(train, fold), outside_of(train, other, 0)


@encoding.misconception(
    "unseen_is_missing",
    why="Whoever is in no training row stays without a number.",
    hint="Unknown is the average: `.fillna` it.",
    seen=unknown,
)
def _(train, other, fold):
    return inside_of(train, fold), outside_of(train, other, np.nan)


@encoding.misconception(
    "unseen_is_a_half",
    why="A half is what a coin says; here it is not the average.",
    hint="Unknown is the average of the labels that teach.",
    seen=unknown,
)
def _(train, other, fold):
    return inside_of(train, fold), outside_of(train, other, 0.5)


@encoding.misconception(
    "average_of_all",
    why="The average of all training rows holds the row's own label too.",
    hint="Take the average of the other folds.",
)
def _(train, other, fold):
    inside, outside = inside_of(train, fold), outside_of(train, other, train["is_spam"].mean())
    for k in np.unique(fold):
        unseen = ~train["author"].isin(train["author"][fold != k]).to_numpy() & (fold == k)
        inside[unseen] = train["is_spam"].mean()
    return inside, outside


# ---- 03.3 ------------------------------------------------------------------------------------------

tomorrow = Exercise(
    "03.3",
    "Where does the past end?",
    level="core",
    minutes=7,
    objectives=(3,),
    hints=(
        "Sort the moments. The one at place `n - n_test` is the cut.",
        "Rows at the cut or later are tested on. Rows later than `cut - embargo` teach nobody.",
        "`train = frame[frame[when] + embargo <= cut]`, and with no embargo nothing at the cut itself.",
    ),
)


@tomorrow.reference
def cut_by_date(frame, when, test, embargo):
    moments = frame[when].sort_values()
    cut = moments.iloc[len(moments) - round(test * len(moments))]
    past = (frame[when] + embargo <= cut) & (frame[when] < cut)
    return frame[past], frame[frame[when] >= cut]


@tomorrow.inputs
def some_days(rng):
    n = 4 * int(rng.integers(8, 15))  # each share of it is a whole number of rows
    days = rng.permutation([*range(25), *rng.integers(0, 25, n - 25)])  # no day without a row
    day = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(days, unit="D")
    frame = pd.DataFrame({"day": day, "parcels": rng.integers(0, 90, n)})
    return frame, "day", float(rng.choice([0.25, 0.5])), pd.Timedelta(days=int(rng.integers(2, 6)))


@tomorrow.law("training ends an embargo before the test begins")
def _(answer, rng):
    frame, when, test, embargo = some_days(rng)
    past, future = answer(frame, when, test, embargo)
    near = past[when] > future[when].min() - embargo
    expect_same(int(near.sum()), 0, f"training rows less than {embargo.days} days before the first test row")


@tomorrow.law("only the rows of the embargo are left out")
def _(answer, rng):
    frame, when, test, embargo = some_days(rng)
    past, future = answer(frame, when, test, embargo)
    cut = future[when].min()
    inside = (frame[when] < cut) & (frame[when] > cut - embargo)
    expect_same(len(frame) - len(past) - len(future), int(inside.sum()), "rows that are left out")


@tomorrow.law("a day stays whole, and the share counts rows, not days")
def _(answer, rng):
    number = pd.Series(
        [11, 2, 20, 1, 9, 11, 2, 10, 12, 1, 2, 8]
    )  # the last three of twelve begin inside day 11
    frame = pd.DataFrame(
        {"day": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(number - 1, unit="D")}
    )
    parts = answer(frame, "day", 0.25, pd.Timedelta(days=2))
    days = [sorted(part["day"].dt.day) for part in parts]
    said = "of the days 1, 1, 2, 2, 2, 8, 9, 10, 11, 11, 12 and 20, a quarter tested on, two days between"
    expect_same(days, [[1, 1, 2, 2, 2, 8, 9], [11, 11, 12, 20]], said)


@tomorrow.law("the share that is asked for is tested on")
def _(answer, rng):
    frame, when, test, embargo = some_days(rng)
    _, future = answer(frame, when, test, embargo)
    latest = frame[when].sort_values().iloc[-round(test * len(frame)) :]
    expect_same(len(future), int((frame[when] >= latest.min()).sum()), "rows to test on")


@tomorrow.law("with no embargo, one day is never on both sides")
def _(answer, rng):
    frame, when, test, _ = some_days(rng)
    past, future = answer(frame, when, test, pd.Timedelta(0))
    expect_same(len(past) + len(future), len(frame), "rows in all")
    expect(
        past[when].max() < future[when].min(), "the last training day does not lie before the first test day"
    )


def is_mixed(parts):
    """Whether training and test rows lie between each other, wherever they stand in the table."""
    past, future = parts
    return past["day"].max() > future["day"].min() and np.ptp(future.index) >= len(future)


@tomorrow.misconception(
    "shuffle_then_cut",
    why="The past now knows the future.",
    hint="Look at the dates, not at the places of the rows.",
    seen=is_mixed,
)
def _(frame, when, test, embargo):
    mixed = frame.sample(frac=1, random_state=0)
    n = round(test * len(mixed))
    return mixed.iloc[:-n], mixed.iloc[-n:]


@tomorrow.misconception(
    "order_of_the_table",
    why="This takes the last rows of the table for the latest; nobody promised that it is sorted.",
    hint="Sort by the dates first.",
)
def _(frame, when, test, embargo):
    n = round(test * len(frame))
    cut = frame[when].iloc[len(frame) - n]
    past = frame.iloc[:-n]
    return past[past[when] + embargo <= cut], frame.iloc[-n:]


@tomorrow.misconception(
    "torn_day",
    why="The cut goes through a day: some of its rows teach, the others are tested on.",
    hint="The first test row says where the test begins; all rows of its moment belong to the test.",
)
def _(frame, when, test, embargo):
    ordered, n = frame.sort_values(when, kind="stable"), round(test * len(frame))
    past, future = ordered.iloc[:-n], ordered.iloc[-n:]
    return past[past[when] + embargo <= future[when].min()], future


@tomorrow.misconception(
    "no_embargo",
    why="A lag, or a label that comes days later, reaches over the cut.",
    hint="Leave out the rows of the last days before the cut.",
)
def _(frame, when, test, embargo):
    return cut_by_date(frame, when, test, pd.Timedelta(0))


# ---- 03.4 ------------------------------------------------------------------------------------------

reading = Exercise(
    "03.4",
    "Which of these features leak, and how?",
    level="design",
    minutes=6,
    objectives=(2, 3),
    value=True,
    hints=(
        "For each feature ask: at the moment of posting, who could write this value down?",
        "Four of the nine leak. One is counted in the hour after, one exists only where somebody was judged.",
        "A number that is given out in order tells the date. An average needs rows: which ones?",
    ),
)


@reading.reference
def leaks():
    return {
        "reports_first_hour": "later",
        "moderator_id": "target",
        "post_number": "time",
        "author_rate": "fit",
    }


WAYS = {  # two of them can be argued either way
    "reports_first_hour": ("later",),
    "moderator_id": ("target", "later"),
    "post_number": ("time",),
    "author_rate": ("fit", "target"),
}


@reading.law("the features that leak are named, and no others")
def _(answer, rng):
    expect_same(len(answer.keys() & WAYS.keys()), len(WAYS), "leaks found")
    expect_same(len(answer.keys() - WAYS.keys()), 0, "false alarms")


@reading.law("each leaks for the reason given")
def _(answer, rng):
    right = sum(answer.get(name) in ways for name, ways in WAYS.items())
    expect_same(right, len(WAYS), "reasons that fit")


@reading.misconception(
    "strong_is_leaky",
    why="A strong feature is no leak for being strong.",
    hint="Ask when a value is known, not how much it helps.",
    seen=lambda answer: not answer.keys().isdisjoint(["account_age_days", "n_connections"]),
)
def _():
    return leaks() | {"account_age_days": "target"}


@reading.misconception(
    "identifiers_are_harmless",
    why="A running number looks like noise to us; trees read the date from it.",
    hint="What does post 41,000 know that post 3 does not?",
    seen=lambda answer: "post_number" not in answer,
)
def _():
    return {name: why for name, why in leaks().items() if name != "post_number"}


@reading.misconception(
    "averages_are_features",
    why="An average is a fit: somebody's labels are in it.",
    hint="Which rows were averaged for `author_rate`?",
    seen=lambda answer: "author_rate" not in answer,
)
def _():
    return {name: why for name, why in leaks().items() if name != "author_rate"}


@reading.misconception(
    "found_for_another_reason",
    why="You found all four, and no others; one of them leaks in another way.",
    hint="Of each ask: counted too late? there only for the judged? tells the date? averaged over which rows?",
    seen=lambda answer: answer.keys() == WAYS.keys() and any(answer[name] not in WAYS[name] for name in WAYS),
)
def _():
    return leaks() | {"post_number": "later"}


# ---- 03.5 ------------------------------------------------------------------------------------------

back_then = Exercise(
    "03.5",
    "What was known at the moment of posting?",
    level="stretch",
    minutes=12,
    objectives=(2,),
    hints=(
        "For one post: which facts of its member were recorded by then? Which of them is the latest?",
        "`pd.merge_asof` does this for sorted tables: `on` the times, `by` the member.",
        "It returns the posts in order of time: put them back into their own order at the end.",
    ),
)


@back_then.reference
def as_of(posts, facts):
    joined = pd.merge_asof(
        posts.reset_index().sort_values("posted_at"),
        facts.sort_values("recorded_at"),
        left_on="posted_at",
        right_on="recorded_at",
        by="member",
    )
    return joined.set_index("index")["value"].reindex(posts.index)


@back_then.inputs
def some_facts(rng):
    n, m = int(rng.integers(5, 12)), int(rng.integers(8, 20))
    begin = pd.Timestamp("2024-01-01", tz="UTC")
    posted = begin + pd.to_timedelta(rng.integers(0, 10, n), unit="D")
    recorded = begin + pd.to_timedelta(rng.choice(60, m, replace=False) * 4, unit="h")
    posts = pd.DataFrame({"member": rng.choice(["Odile", "Bo", "Teun"], n), "posted_at": posted})
    values = rng.integers(0, 90, m).astype(float)
    facts = pd.DataFrame({"member": rng.choice(["Odile", "Bo"], m), "recorded_at": recorded, "value": values})
    return posts.set_axis(rng.permutation(n)), facts


@back_then.law("it is what looking through all facts one by one gives")
def _(answer, rng):
    posts, facts = some_facts(rng)
    wanted = []
    for post in posts.itertuples():
        then = facts[(facts["member"] == post.member) & (facts["recorded_at"] <= post.posted_at)]
        wanted.append(then.sort_values("recorded_at")["value"].iloc[-1] if len(then) else np.nan)
    expect_same(list(answer(posts, facts)), wanted)


@back_then.law(
    "each value has the index of its post; the latest counts, not the largest or the last in the table"
)
def _(answer, rng):
    day = pd.to_datetime(["2024-08-01", "2024-06-01", "2024-07-02", "2024-04-01"], utc=True)
    posts = pd.DataFrame({"member": ["Bo", "Bo", "Odile", "Bo"], "posted_at": day}, index=[7, 3, 5, 4])
    recorded = pd.to_datetime(["2024-07-01", "2024-05-01"], utc=True)
    got = answer(posts, pd.DataFrame({"member": "Bo", "recorded_at": recorded, "value": [5.0, 9.0]}))
    expect_same(list(zip(got.index, got, strict=True)), [(7, 5.0), (3, 9.0), (5, np.nan), (4, np.nan)])


@back_then.law("a fact recorded later never changes an earlier post")
def _(answer, rng):
    posts, facts = some_facts(rng)
    late = posts["posted_at"].max() + pd.Timedelta(days=1)
    news = pd.DataFrame({"member": ["Odile", "Bo", "Teun"], "recorded_at": late, "value": 999.0})
    before, after = answer(posts, facts), answer(posts, pd.concat([facts, news], ignore_index=True))
    expect_same(list(after), list(before), "three facts of the next day added")


@back_then.law("a fact of the same instant is known")
def _(answer, rng):
    at = pd.Timestamp("2024-05-01 08:00", tz="UTC")
    posts = pd.DataFrame({"member": ["Bo"], "posted_at": [at]})
    expect_same(
        list(answer(posts, pd.DataFrame({"member": ["Bo"], "recorded_at": [at], "value": [7.0]}))), [7.0]
    )


@back_then.misconception(
    "latest_of_all",
    why="This writes today's value beside yesterday's post.",
    hint="Only facts recorded by the moment of the post count.",
)
def _(posts, facts):
    last = facts.sort_values("recorded_at").groupby("member")["value"].last()
    return posts["member"].map(last)


def looked_back(posts, facts, of_anybody=False):
    """The values of the reference in one sweep: wrong ideas are asked often."""
    at, recorded = posts["posted_at"].to_numpy()[:, None], facts["recorded_at"].to_numpy()
    known = (recorded <= at) & (
        of_anybody | (posts["member"].to_numpy()[:, None] == facts["member"].to_numpy())
    )
    latest = np.where(known, recorded, recorded.min() - np.timedelta64(1, "D")).argmax(
        axis=1
    )  # (n,) of (n, m)
    values = np.where(known.any(axis=1), facts["value"].to_numpy()[latest], np.nan)
    return pd.Series(values, index=posts.index, name="value")


@back_then.misconception(
    "index_lost",
    why="The values are right, but nobody can say of which post each one is.",
    hint="Return a Series with the index of `posts`.",
    seen=lambda got: pd.Series(got, name="value").reset_index(),
)
def _(posts, facts):
    return looked_back(posts, facts).reset_index(drop=True)


@back_then.misconception(
    "order_of_time_kept",
    why="The values stand in the order of time, the posts do not.",
    hint="Take the index of the posts along, and put the values back into its order.",
)
def _(posts, facts):
    return looked_back(posts.sort_values("posted_at"), facts).set_axis(posts.index)


@back_then.misconception(
    "missing_is_zero",
    why="Nothing known and no complaint are two things.",
    hint="Leave it missing.",
)
def _(posts, facts):
    return looked_back(posts, facts).fillna(0)


@back_then.misconception(
    "anybody",
    why="This takes the latest fact of anybody.",
    hint="Whose fact is it? `merge_asof` has `by`.",
)
def _(posts, facts):
    return looked_back(posts, facts, of_anybody=True)


@back_then.misconception(
    "nearest",
    why="The nearest fact may lie in the future.",
    hint="Look back only.",
)
def _(posts, facts):
    joined = pd.merge_asof(
        posts.reset_index().sort_values("posted_at"),
        facts.sort_values("recorded_at"),
        left_on="posted_at",
        right_on="recorded_at",
        by="member",
        direction="nearest",
    )
    return joined.set_index("index")["value"].reindex(posts.index)


@back_then.misconception(
    "strictly_before",
    why="What is recorded in the same instant is known.",
    hint="At the same time counts: `recorded_at <= posted_at`.",
)
def _(posts, facts):
    joined = pd.merge_asof(
        posts.reset_index().sort_values("posted_at"),
        facts.sort_values("recorded_at"),
        left_on="posted_at",
        right_on="recorded_at",
        by="member",
        allow_exact_matches=False,
    )
    return joined.set_index("index")["value"].reindex(posts.index)
