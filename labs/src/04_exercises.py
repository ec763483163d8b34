"""Exercises of lab 04: which of forty models is really better?"""

import numpy as np
import pandas as pd

from mlsd.course.lab import Exercise, expect, expect_same

# ---- 04.1 ------------------------------------------------------------------------------------------

width = Exercise(
    "04.1",
    "How wide is a score?",
    level="warm-up",
    minutes=5,
    objectives=(2,),
    hints=(
        "Pretend that your rows are the world: draw as many again from them, with repetition.",
        "`rows = rng.integers(len(y), size=len(y))`, and then `score(y[rows], p[rows])`, so many times.",
        "The middle 95 of 100 scores lie between `np.quantile(scores, [0.025, 0.975])`.",
    ),
)


@width.reference
def interval(score, y, p, rng, rounds):
    draws = rng.integers(len(y), size=(rounds, len(y)))
    scores = [score(y[rows], p[rows]) for rows in draws]
    return tuple(np.quantile(scores, [0.025, 0.975]))


def brier(y, p):
    return np.mean((y - p) ** 2)


def some_scores(rng, n=150):
    p = rng.random(n)
    return (rng.random(n) < p).astype(float), p


@width.inputs
def a_score(rng):
    return brier, *some_scores(rng), rng, 200


@width.law("in most worlds the true score lies inside")
def _(answer, rng):
    found = np.array([answer(brier, *some_scores(rng), rng, 50) for _ in range(40)], dtype=float)
    inside = int(((found[:, 0] <= 1 / 6) & (found[:, 1] >= 1 / 6)).sum())  # the mean of p (1 - p)
    expect(inside >= 28, f"the true score lies inside in {inside} of 40 worlds; luck allows about 37")


@width.law("the limits leave out 2.5 % of the scores at each end, of as many scores as are asked for")
def _(answer, rng):
    seen = []

    def spy(y, p):
        seen.append(brier(y, p))
        return seen[-1]

    low, high = answer(spy, *some_scores(rng), rng, 200)
    expect(200 <= len(seen) <= 202, f"the score was asked {len(seen)} times, in 200 rounds")
    wanted = np.quantile(seen, [0.025, 0.975])
    expect_same([float(low), float(high)], [float(limit) for limit in wanted], "both limits", tolerance=0.002)


@width.law("the draws come from the generator that is given")
def _(answer, rng):
    y, p = some_scores(rng)
    one, other = (answer(brier, y, p, np.random.default_rng(seed), 20) for seed in (1, 2))
    expect(tuple(one) != tuple(other), "two generators gave the same draws")


@width.law("a row stays together: its label and its prediction")
def _(answer, rng):
    y = rng.integers(0, 2, 50).astype(float)
    low, high = answer(brier, y, y, rng, 80)
    expect_same(float(high - low), 0.0, "width for a model that is right on every row")


@width.law("the score gets the labels first, then the predictions")
def _(answer, rng):
    low, _ = answer(lambda y, p: np.mean(p), np.zeros(50), np.full(50, 0.5), rng, 20)
    expect_same(float(low), 0.5, "the lower limit of the mean prediction, which is 0.5 everywhere")


@width.misconception(
    "resample_scores_alone",
    why="A row is a label and a prediction; this tears them apart.",
    hint="Draw row numbers once, and take both from the same rows.",
)
def _(score, y, p, rng, rounds):
    scores = [score(y, rng.choice(p, len(p))) for _ in range(rounds)]
    return tuple(np.quantile(scores, [0.025, 0.975]))


@width.misconception(
    "one_sigma",
    why="One standard deviation to each side holds two thirds, not 95 of 100.",
    hint="Take quantiles, or 1.96 standard deviations.",
)
def _(score, y, p, rng, rounds):
    draws = [rng.integers(len(y), size=len(y)) for _ in range(rounds)]
    scores = [score(y[rows], p[rows]) for rows in draws]
    return np.mean(scores) - np.std(scores), np.mean(scores) + np.std(scores)


@width.misconception(
    "shuffles",
    why="Every row once, in another order: that is the same score again and again.",
    hint="Draw with repetition: some rows come twice, some not at all.",
)
def _(score, y, p, rng, rounds):
    draws = [rng.permutation(len(y)) for _ in range(rounds)]
    return tuple(np.quantile([score(y[rows], p[rows]) for rows in draws], [0.025, 0.975]))


@width.misconception(
    "own_rounds",
    why="Whoever asks for 200 rounds pays for 1,000.",
    hint="Draw `rounds` times.",
)
def _(score, y, p, rng, rounds):
    return interval(score, y, p, rng, 1_000)


@width.misconception(
    "own_generator",
    why="A generator with a seed of its own draws the same rows for ever.",
    hint="Draw with `rng`.",
)
def _(score, y, p, rng, rounds):
    return interval(score, y, p, np.random.default_rng(0), rounds)


@width.misconception(
    "lowest_and_highest",
    why="The extremes grow with every round; nobody is that unlucky.",
    hint="Leave out the 2.5 % at each end.",
)
def _(score, y, p, rng, rounds):
    draws = [rng.integers(len(y), size=len(y)) for _ in range(rounds)]
    scores = [score(y[rows], p[rows]) for rows in draws]
    return min(scores), max(scores)


# ---- 04.2 ------------------------------------------------------------------------------------------

duel = Exercise(
    "04.2",
    "Is A better than B, or was it luck?",
    level="core",
    minutes=8,
    objectives=(2,),
    hints=(
        "Both models saw the same rows. What do you get per row if you take one loss from the other?",
        "Put an interval round the *mean difference*: bootstrap it, or take 1.96 standard errors.",
        "If the interval lies on one side of 0, that side wins; else nobody can tell.",
    ),
)


@duel.reference
def better(y, a, b):
    gain = (b - y) ** 2 - (a - y) ** 2  # above 0 where A is nearer to the label
    error = np.std(gain) / np.sqrt(len(gain))
    if abs(np.mean(gain)) <= 1.96 * error:
        return "cannot tell"
    return "a" if np.mean(gain) > 0 else "b"


def squeezed(logit):
    return 1 / (1 + np.exp(-logit))


def two_models(rng, gap, n=600):
    """Labels, and two models whose logits are noisy; B's are noisier by `gap`."""
    truth = rng.normal(0, 2, n)
    y = (rng.random(n) < squeezed(truth)).astype(float)
    a, b = truth + rng.normal(0, 0.1, n), truth + rng.normal(0, 0.1 + gap, n)
    return y, squeezed(a), squeezed(b)


def a_few_bad_mistakes():
    a = np.where(np.arange(200) % 20 == 0, 1e-9, 0.95)  # mostly near, a few certain and wrong
    return np.ones(200), a, np.full(200, 0.5)


@duel.inputs
def some_duel(rng):
    if rng.random() < 0.2:
        return a_few_bad_mistakes()
    y, a, b = two_models(rng, gap=float(rng.choice([0.0, 0.8, 1.0])))
    return (y, a, b) if rng.random() < 0.5 else (y, b, a)


@duel.law("a model is never better than itself")
def _(answer, rng):
    y, a, _ = two_models(rng, gap=0)
    expect_same(answer(y, a, a), "cannot tell", "a model against itself")


@duel.law("twins are rarely told apart")
def _(answer, rng):
    told = sum(answer(*two_models(rng, gap=0)) != "cannot tell" for _ in range(40))
    expect(told <= 8, f"a winner in {told} of 40 duels of two equally good models; luck allows about 2")


@duel.law("a real gap is mostly found")
def _(answer, rng):
    found = [answer(*two_models(rng, gap=0.8)) for _ in range(40)]
    won, lost = found.count("a"), found.count("b")
    expect(
        won >= 28,
        f"the better model won {won} of 40 duels and lost {lost}; a paired comparison finds about 39",
    )


@duel.law("who stands first does not matter")
def _(answer, rng):
    other = {"a": "b", "b": "a"}
    for _ in range(3):
        y, a, b = two_models(rng, gap=2)
        expect_same(answer(y, b, a), other.get(answer(y, a, b)), "the verdict with A and B exchanged")


@duel.law("the loss is the squared distance")
def _(answer, rng):
    expect_same(answer(*a_few_bad_mistakes()), "a", "the verdict where A is mostly near, and rarely far off")


@duel.misconception(
    "take_the_max",
    why="Somebody is always ahead; a coin would be promoted half of the time.",
    hint="How large must a difference be before luck is no explanation?",
)
def _(y, a, b):
    losses = np.mean((a - y) ** 2), np.mean((b - y) ** 2)
    return "cannot tell" if losses[0] == losses[1] else "a" if losses[0] < losses[1] else "b"


@duel.misconception(
    "wrong_way_round",
    why="A loss is what one would rather not have: the smaller one wins.",
    hint="Which sign has `(b - y) ** 2 - (a - y) ** 2` where A is nearer?",
)
def _(y, a, b):
    return better(y, b, a)


@duel.misconception(
    "surprise_for_distance",
    why="Log loss counts one certain mistake for a hundred small ones; the squared distance does not.",
    hint="A row's loss is `(p - y) ** 2`.",
)
def _(y, a, b):
    def loss(p):
        return -np.log(np.clip(np.where(y == 1, p, 1 - p), 1e-12, 1))

    gain = loss(b) - loss(a)
    error = np.std(gain) / np.sqrt(len(gain))
    if abs(np.mean(gain)) <= 1.96 * error:
        return "cannot tell"
    return "a" if np.mean(gain) > 0 else "b"


def apart(y, p):
    losses = (p - y) ** 2
    return np.mean(losses), np.std(losses) / np.sqrt(len(y))


@duel.misconception(
    "unpaired",
    why="Some rows are hard for both; this takes that for a difference between models.",
    hint="Both saw the same rows: subtract row by row first.",
)
def _(y, a, b):
    (mine, e), (yours, f) = apart(y, a), apart(y, b)
    if abs(mine - yours) <= 1.96 * np.hypot(e, f):
        return "cannot tell"
    return "a" if mine < yours else "b"


@duel.misconception(
    "intervals_overlap",
    why="Two intervals that overlap are no test; the difference has an interval of its own.",
    hint="Put one interval round the difference.",
)
def _(y, a, b):
    (mine, e), (yours, f) = apart(y, a), apart(y, b)
    if abs(mine - yours) <= 1.96 * (e + f):
        return "cannot tell"
    return "a" if mine < yours else "b"


@duel.misconception(
    "champion_keeps",
    why="This can only ever find A better; when B is better it shrugs.",
    hint="Look at both sides of 0.",
)
def _(y, a, b):
    return "a" if better(y, a, b) == "a" else "cannot tell"


# ---- 04.3 ------------------------------------------------------------------------------------------

door = Exercise(
    "04.3",
    "Who is stopped at the gate, and who cannot be judged?",
    level="core",
    minutes=8,
    objectives=(3,),
    hints=(
        "Look at each slice by itself. An average over slices is how newcomers were lost.",
        "Two lists: slices that are too small to judge, and, of the others, those that lost too much.",
        "Lost too much: `gain < -limit`. Too small: `n < least`; they are named, not dropped.",
    ),
)


@door.reference
def gate(slices, limit, least=200):
    small = slices["n"] < least
    lost = (slices["gain"] < -limit) & ~small
    return list(slices["slice"][lost]), list(slices["slice"][small])


SLICES = ["everyone", "newcomers", "jobs", "tools", "Dutch", "French", "night"]


@door.inputs
def some_slices(rng):
    k = int(rng.integers(4, len(SLICES) + 1))
    n = rng.choice([40, 199, 200, 900, 30_000], k)
    gain = rng.choice([-0.2, -0.021, -0.02, -0.01, 0.0, 0.05], k)
    return pd.DataFrame({"slice": SLICES[:k], "n": n, "gain": gain}), 0.02


def four(n, gain):
    return pd.DataFrame({"slice": SLICES[:4], "n": n, "gain": gain})


@door.law("a large gain elsewhere buys nothing")
def _(answer, rng):
    stopped, _ = answer(four([90_000, 300, 9_000, 9_000], [0.1, -0.05, 0.4, 0.4]), 0.02)
    expect_same(list(stopped), ["newcomers"], "who is stopped, when newcomers alone lost")


@door.law("all who lost too much are named, in the order of the table")
def _(answer, rng):
    stopped, _ = answer(four([900] * 4, [-0.1, 0.0, -0.03, -0.3]), 0.02)
    expect_same(list(stopped), ["everyone", "jobs", "tools"], "who is stopped")


@door.law("a slice may lose the limit, and no more")
def _(answer, rng):
    limit = float(rng.choice([0.01, 0.05]))
    stopped, _ = answer(four([900] * 4, [-limit, -1.1 * limit, -0.9 * limit, limit]), limit)
    expect_same(list(stopped), ["newcomers"], f"who is stopped at a limit of {limit}")


@door.law("a slice that is too small to judge is told, neither passed nor stopped")
def _(answer, rng):
    stopped, small = answer(four([900, 199, 200, 20], [0.0, -0.3, -0.3, 0.3]), 0.02)
    expect_same(list(stopped), ["jobs"], "who is stopped")
    expect_same(list(small), ["newcomers", "tools"], "who cannot be judged at 200 rows at least")


@door.law("how many rows are enough is up to the caller")
def _(answer, rng):
    _, small = answer(four([900, 199, 200, 20], [0.0] * 4), 0.02, least=10)
    expect_same(list(small), [], "who cannot be judged at 10 rows at least")


@door.misconception(
    "mean_of_slices",
    why="A large slice buys off a small one.",
    hint="Judge every slice by itself.",
)
def _(slices, limit, least=200):
    small = slices["n"] < least
    lost = np.average(slices["gain"], weights=slices["n"]) < -limit
    return (list(slices["slice"]) if lost else []), list(slices["slice"][small])


@door.misconception(
    "tiny_slice_ignored",
    why="Nobody looked, and the report reads as if all were well.",
    hint="Say *cannot tell*: return the names of the small slices, too.",
)
def _(slices, limit, least=200):
    return gate(slices, limit, least)[0], []


@door.misconception(
    "tiny_slice_stops",
    why="Twenty rows swing by chance; this gate never opens again.",
    hint="A slice below `least` rows proves nothing, in either direction.",
)
def _(slices, limit, least=200):
    return list(slices["slice"][slices["gain"] < -limit]), gate(slices, limit, least)[1]


@door.misconception(
    "worst_only",
    why="The second worst is mended next month, after the complaints.",
    hint="Name all of them.",
)
def _(slices, limit, least=200):
    stopped, small = gate(slices, limit, least)
    worst = slices.set_index("slice")["gain"].reindex(stopped)
    return ([worst.idxmin()] if stopped else []), small


@door.misconception(
    "gains_stop",
    why="This stops the slices that gained.",
    hint="A slice that lost has a gain below 0.",
)
def _(slices, limit, least=200):
    return gate(slices.assign(gain=-slices["gain"]), limit, least)


@door.misconception(
    "any_loss",
    why="Every new model loses a little somewhere; nothing would ever be published.",
    hint="A slice may lose up to `limit`.",
)
def _(slices, limit, least=200):
    return gate(slices, 0.0, least)


# ---- 04.4 ------------------------------------------------------------------------------------------

labels = Exercise(
    "04.4",
    "How would you spend 2,400 labels?",
    level="design",
    minutes=6,
    objectives=(2, 3),
    value=True,
    hints=(
        "Ask for each option: what will the filter be asked in the fourth week?",
        "Rows that the old filter chose say nothing about the spam that it lets through.",
        "Rows to compare on: (2.8 * 0.3 / 0.03) squared. And whoever looks twice, chooses.",
    ),
)


@labels.reference
def plan():
    return {
        "posts": "random",
        "last word": "week 3",
        "compare on": round((2.8 * 0.3 / 0.03) ** 2),
        "looks": 1,
    }


@labels.law("the posts look like those the filter will meet")
def _(answer, rng):
    expect_same(answer.get("posts"), "random", "which posts are labelled")


@labels.law("the last word has the week that is nearest to use")
def _(answer, rng):
    expect_same(answer.get("last word"), "week 3", "the week that nobody learns from or chooses on")


@labels.law("there are enough rows to see a gap worth having, and no more than there are")
def _(answer, rng):
    enough = (2.8 * 0.3 / 0.03) ** 2
    rows = answer.get("compare on", 0)
    expect(0.98 * enough <= rows <= 1.1 * enough, f"{rows} rows to compare on; the rule gives another number")


@labels.law("the last word is spoken once")
def _(answer, rng):
    expect_same(answer.get("looks"), 1, "how often the last rows are looked at")


@labels.misconception(
    "flagged_posts",
    why="Posts the old filter caught say nothing about those it let through.",
    hint="Which posts will the new filter be asked about?",
)
def _():
    return plan() | {"posts": "flagged"}


@labels.misconception(
    "reported_posts",
    why="Members report what annoys them; a good scam is not reported.",
    hint="Which posts will the new filter be asked about?",
)
def _():
    return plan() | {"posts": "reported"}


@labels.misconception(
    "oldest_week",
    why="The first week is the one the filter will never meet again.",
    hint="Which of the three weeks is most like the fourth?",
)
def _():
    return plan() | {"last word": "week 1"}


@labels.misconception(
    "a_hundred_will_do",
    why="With a hundred rows a gap of 0.03 drowns: its own error is 0.03.",
    hint="Put 0.3 and 0.03 into the rule.",
)
def _():
    return plan() | {"compare on": 100}


@labels.misconception(
    "forgot_the_square",
    why="Half the gap needs four times the rows: the rule has a square.",
    hint="(2.8 * spread / gap) ** 2",
)
def _():
    return plan() | {"compare on": 28}


@labels.misconception(
    "one_look_per_model",
    why="Forty looks at the last rows, and they have become validation rows.",
    hint="How often can you hear the last word?",
)
def _():
    return plan() | {"looks": 40}


# ---- 04.5 ------------------------------------------------------------------------------------------

boosting = Exercise(
    "04.5",
    "What is inside a boosted tree?",
    level="stretch",
    minutes=12,
    objectives=(1,),
    hints=(
        "Begin with the mean of y everywhere. What is left to explain?",
        "Each round: `stump(x, y - prediction)` for what is left; add a part of its answer.",
        "`prediction = prediction + rate * (where x is at most the limit: below, else above)`",
    ),
)


def stump(x, left):
    """The limit on x (no two alike) with the smallest squared error, and the mean of `left` on both sides."""
    order = np.argsort(x)
    total, n = np.cumsum(left[order])[:-1], np.arange(1, len(x))
    gain = total**2 / n + (left.sum() - total) ** 2 / (len(x) - n)
    best = int(np.argmax(gain))
    limit = (x[order[best]] + x[order[best + 1]]) / 2
    return limit, left[x <= limit].mean(), left[x > limit].mean()


@boosting.reference
def boost(x, y, rounds, rate):
    prediction = np.full(len(y), y.mean())
    for _ in range(rounds):
        limit, below, above = stump(x, y - prediction)
        prediction = prediction + rate * np.where(x <= limit, below, above)
    return prediction


@boosting.inputs
def some_curve(rng):
    x = rng.permutation(40) + rng.uniform(-0.2, 0.2, 40)  # no two rows alike
    y = np.sin(x / 6) + rng.normal(0, 0.3, 40)
    return x, y, int(rng.integers(3, 12)), float(rng.choice([0.1, 0.5, 1.0]))


@boosting.law("it is what scikit-learn's boosted stumps give")
def _(answer, rng):
    from sklearn.ensemble import GradientBoostingRegressor

    for rate in (0.1, 0.5, 1.0):
        x, y, rounds, _ = some_curve(rng)
        sklearn = GradientBoostingRegressor(
            n_estimators=rounds, learning_rate=rate, max_depth=1, criterion="squared_error"
        )
        wanted = sklearn.fit(x[:, None], y).predict(x[:, None])
        expect_same(list(answer(x, y, rounds, rate)), list(wanted), f"{rounds} stumps at a rate of {rate}")


@boosting.law("no round at all is the mean")
def _(answer, rng):
    x, y, _, rate = some_curve(rng)
    expect_same(list(answer(x, y, 0, rate)), [y.mean()] * len(y), "the prediction after 0 rounds")


@boosting.misconception(
    "fits_y_again",
    why="Every stump learns the same thing; the second one adds nothing new.",
    hint="Give the next stump what is left: y - prediction.",
)
def _(x, y, rounds, rate):
    prediction = np.full(len(y), y.mean())
    for _ in range(rounds):
        limit, below, above = stump(x, y)
        prediction = prediction + rate * np.where(x <= limit, below, above)
    return prediction


@boosting.misconception(
    "starts_at_zero",
    why="The first stump then has to learn the mean as well.",
    hint="Begin with the mean of y.",
)
def _(x, y, rounds, rate):
    prediction = np.zeros(len(y))
    for _ in range(rounds):
        limit, below, above = stump(x, y - prediction)
        prediction = prediction + rate * np.where(x <= limit, below, above)
    return prediction


@boosting.misconception(
    "full_steps",
    why="Whole steps chase the noise; a part of each answer is enough.",
    hint="Multiply each stump's answer by `rate`.",
)
def _(x, y, rounds, rate):
    return boost(x, y, rounds, 1.0)
