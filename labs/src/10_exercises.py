"""Exercises of lab 10: can every input look normal while every answer is wrong?"""

import itertools

import numpy as np

from mlsd.course.lab import Exercise, expect, expect_same, oracle
from mlsd.course.lab.expectation import same, shown

# ---- 10.1 ------------------------------------------------------------------------------------------

moved = Exercise(
    "10.1",
    "How far did an input move?",
    level="warm-up",
    minutes=7,
    objectives=(1,),
    hints=(
        "Which of the two samples is the ruler? Cut the cells there, and count both in them.",
        "`np.quantile(reference, np.arange(1, 10) / 10)` are nine cuts; `np.digitize(values, cuts)` says which cell.",
        "`np.bincount(cells, minlength=10) + 0.5`, divided by its sum, are the shares of one sample.",
    ),
)


@moved.reference
def psi(reference, current):
    cuts = np.quantile(reference, np.arange(1, 10) / 10)
    before, now = (np.bincount(np.digitize(x, cuts), minlength=10) + 0.5 for x in (reference, current))
    p, q = before / before.sum(), now / now.sum()
    return np.sum((q - p) * np.log(q / p))


@moved.inputs
def two_samples(rng):
    reference = rng.lognormal(size=1_002)  # 1001 * k / 10 is never whole: no cut lies on a value
    return reference, rng.lognormal(0.3, 1.2, size=int(rng.integers(100, 400)))


def by_counting(reference, current):
    """The index, cell by cell."""
    cuts = [-np.inf, *np.quantile(reference, [k / 10 for k in range(1, 10)]), np.inf]
    total = 0.0
    for low, high in itertools.pairwise(cuts):
        p, q = (((s >= low) & (s < high)).sum() + 0.5 for s in (reference, current))
        p, q = p / (len(reference) + 5), q / (len(current) + 5)
        total += (q - p) * np.log(q / p)
    return float(total)


@moved.law("the same rows in another order have not moved")
def _(answer, rng):
    reference, _ = two_samples(rng)
    expect_same(answer(reference, rng.permutation(reference)), 0.0, "the index of the same rows")


@moved.law("it is never negative, whatever moved where")
def _(answer, rng):
    for shift in (-0.5, 0.0, 0.5):
        reference, current = rng.normal(size=1_000), rng.normal(shift, size=200)
        got = answer(reference, current)
        expect(got >= 0, f"the index is {got:.3g} when the mean moves by {shift:g}")


@moved.law("an increasing transform of both changes nothing")
def _(answer, rng):
    reference, _ = two_samples(rng)
    current = rng.choice(np.sort(reference)[300:], 200)
    before = answer(reference, current)
    expect(before is not None, "nothing came back (None): does it end with return?")
    for name, turn in (("the logarithm", np.log), ("the cube", lambda x: x**3)):
        expect_same(answer(turn(reference), turn(current)), before, f"the index after {name} of both")


@moved.law("cells without a row have a share all the same")
def _(answer, rng):
    reference = rng.normal(size=1_000)
    p, q = np.full(10, 0.1), np.array([0.5] * 9 + [200.5]) / 205
    wanted = float(np.sum((q - p) * np.log(q / p)))
    for where, value in (("above", 9.0), ("below", -9.0)):
        got = answer(reference, np.full(200, value))
        expect_same(got, wanted, f"the index when all rows lie {where} the reference")


moved.law("it is what counting gives, in cells of the reference")(oracle(by_counting, two_samples))


@moved.misconception(
    "bins_from_current",
    why="The ruler moved with the thing: cells cut on the window fit the window.",
    hint="Cut the cells on the reference, and count both in them.",
)
def _(reference, current):
    return psi(current, reference)


@moved.misconception(
    "empty_bin_infinite",
    why="One empty cell makes the index infinite, or not a number.",
    hint="Give every cell a little: half a row, in both samples.",
)
def _(reference, current):
    cuts = np.quantile(reference, np.arange(1, 10) / 10)
    p, q = (np.bincount(np.digitize(x, cuts), minlength=10) / len(x) for x in (reference, current))
    return np.sum((q - p) * np.log(q / p))


@moved.misconception(
    "equal_width",
    why="One outlier empties nine cells: equal widths follow the largest value.",
    hint="Ten cells of equally many rows: `np.quantile`.",
)
def _(reference, current):
    cuts = np.linspace(reference.min(), reference.max(), 11)[1:-1]
    before, now = (np.bincount(np.digitize(x, cuts), minlength=10) + 0.5 for x in (reference, current))
    p, q = before / before.sum(), now / now.sum()
    return np.sum((q - p) * np.log(q / p))


@moved.misconception(
    "one_sided",
    why="This weighs each cell by the window alone: it is a divergence, not the index that others will compare with.",
    hint="The weight of a cell is the difference of the two shares.",
)
def _(reference, current):
    cuts = np.quantile(reference, np.arange(1, 10) / 10)
    before, now = (np.bincount(np.digitize(x, cuts), minlength=10) + 0.5 for x in (reference, current))
    p, q = before / before.sum(), now / now.sum()
    return np.sum(q * np.log(q / p))


@moved.misconception(
    "outsiders_dropped",
    why="Values outside the reference are in no cell: `np.histogram` drops the rows that moved furthest.",
    hint="Nine cuts make ten cells; the outer two are open: `np.digitize`.",
)
def _(reference, current):
    edges = np.quantile(reference, np.arange(11) / 10)
    before, now = (np.histogram(x, edges)[0] + 0.5 for x in (reference, current))
    p, q = before / before.sum(), now / now.sum()
    return np.sum((q - p) * np.log(q / p))


@moved.misconception(
    "cuts_of_both",
    why="Cells cut on both samples together move with the window: tomorrow's index has another ruler.",
    hint="Cut the cells on the reference alone.",
)
def _(reference, current):
    cuts = np.quantile(np.concatenate([reference, current]), np.arange(1, 10) / 10)
    before, now = (np.bincount(np.digitize(x, cuts), minlength=10) + 0.5 for x in (reference, current))
    p, q = before / before.sum(), now / now.sum()
    return np.sum((q - p) * np.log(q / p))


@moved.misconception(
    "half_a_row_on_one_side",
    why="With half a row more in one sample only, the two are counted in different ways; few rows feel it most.",
    hint="Add it to every cell of both.",
)
def _(reference, current):
    cuts = np.quantile(reference, np.arange(1, 10) / 10)
    before, now = (np.bincount(np.digitize(x, cuts), minlength=10) for x in (reference, current))
    p, q = before / before.sum(), (now + 0.5) / (now + 0.5).sum()
    return np.sum((q - p) * np.log(q / p))


# ---- 10.2 ------------------------------------------------------------------------------------------

quiet = Exercise(
    "10.2",
    "Fifty looks a day, one promise",
    level="core",
    minutes=10,
    objectives=(2,),
    hints=(
        "Fifty tickets, and one wins nearly every day. What must a limit know about how many were bought?",
        "Sort the p-values. The k-th smallest is held against 0.05 * k / n. Which is the last that holds?",
        "All up to that one alarm: `order = np.argsort(p)`, `np.flatnonzero(p[order] <= limits)`, its last entry.",
    ),
)


@quiet.reference
def alarms(p):
    order = np.argsort(p)
    limits = 0.05 * np.arange(1, len(p) + 1) / len(p)
    holds = np.flatnonzero(p[order] <= limits)
    found = np.zeros(len(p), dtype=bool)
    if len(holds):
        found[order[: holds[-1] + 1]] = True
    return found


@quiet.inputs
def some_day(rng):
    n = int(rng.integers(8, 50))
    p, sick = rng.random(n), n // 2
    p[:sick] = rng.uniform(0.001, 0.035, sick)
    p[0] = 0.0001
    return (rng.permutation(p),)


def flags(answer, p):
    """The alarms of one day, once they are seen to be one per input."""
    got = answer(p)
    fits = np.shape(got) == np.shape(p) and np.isin(got, (0, 1)).all()
    expect(fits, f"expected one True or False per input, {len(p)} in all; got {shown(got)}")
    return np.asarray(got, dtype=bool)


@quiet.law("the order of the inputs does not matter")
def _(answer, rng):
    (p,) = some_day(rng)
    turn = rng.permutation(len(p))
    wanted = flags(answer, p)[turn]
    expect_same(flags(answer, p[turn]), wanted, "the alarms of the same inputs in another order")


@quiet.law("nothing alarms that would be quiet alone")
def _(answer, rng):
    for _ in range(5):
        (p,) = some_day(rng)
        loud = p[flags(answer, p)]
        expect((loud <= 0.05).all(), f"an input with p = {loud.max(initial=0):.3g} alarms")


@quiet.law("of 300 quiet days with 50 inputs, at most 7 in 100 alarm")
def _(answer, rng):
    days = np.random.default_rng(10).random((300, 50))  # the same days for everybody
    share = np.mean([flags(answer, p).any() for p in days])
    expect(share <= 0.07, f"{share:.0%} of the quiet days alarm")


@quiet.law("one input alone alarms up to 0.05")
def _(answer, rng):
    for p, wanted in ((0.05, True), (0.051, False)):
        expect_same(flags(answer, np.array([p])), [wanted], f"the alarm of one input with p = {p}")


@quiet.law("when every input moved a little, every input is named")
def _(answer, rng):
    p = rng.uniform(0.03, 0.05, 20)
    expect_same(flags(answer, p), np.full(20, True), "the alarms when all p-values lie between 0.03 and 0.05")


def by_the_book(p):
    """Benjamini and Hochberg, as scipy has it."""
    from scipy.stats import false_discovery_control

    return false_discovery_control(p) <= 0.05


@quiet.law("it is the rule of Benjamini and Hochberg")
def _(answer, rng):
    for _ in range(10):
        (p,) = some_day(rng)
        expect_same(flags(answer, p), by_the_book(p), f"the alarms of {len(p)} inputs")


@quiet.misconception(
    "raw_five_percent",
    why="Fifty tickets a day, and one of them wins: nine quiet days of ten alarm.",
    hint="The limit must know how many were looked at.",
)
def _(p):
    return p <= 0.05


@quiet.misconception(
    "divided_by_all",
    why="This keeps the promise, but is nearly deaf when many inputs move a little.",
    hint="Only the smallest p-value is held against 0.05 / n; the second against twice as much.",
)
def _(p):
    return p <= 0.05 / len(p)


@quiet.misconception(
    "stops_too_early",
    why="One p-value just above its limit silences all behind it, also those that keep theirs.",
    hint="Look for the last that holds, not for the first that does not.",
)
def _(p):
    order = np.argsort(p)
    limits = 0.05 * np.arange(1, len(p) + 1) / len(p)
    found = np.zeros(len(p), dtype=bool)
    found[order] = np.cumprod(p[order] <= limits).astype(bool)
    return found


@quiet.misconception(
    "limit_by_place",
    why="The limit follows the place in the table: swap two columns, and another one alarms.",
    hint="Sort first; k counts from the smallest p-value.",
)
def _(p):
    return p <= 0.05 * np.arange(1, len(p) + 1) / len(p)


@quiet.misconception(
    "each_at_its_own_rank",
    why="The last that holds takes all smaller ones along, also those above their own limit.",
    hint="Find the last that is not above its limit; all up to it alarm.",
)
def _(p):
    order = np.argsort(p)
    found = np.zeros(len(p), dtype=bool)
    found[order] = p[order] <= 0.05 * np.arange(1, len(p) + 1) / len(p)
    return found


@quiet.misconception(
    "answered_in_sorted_order",
    why="The alarms are right, but in the order of the sorted p-values: they name other inputs.",
    hint="Put each back to its place: `found[order[...]] = True`.",
)
def _(p):
    return alarms(p)[np.argsort(p)]


@quiet.misconception(
    "ranks_from_zero",
    why="k from 0 holds the smallest p-value against 0, and each other against its neighbour's limit.",
    hint="k counts from 1: `np.arange(1, n + 1)`.",
)
def _(p):
    order = np.argsort(p)
    holds = np.flatnonzero(p[order] <= 0.05 * np.arange(len(p)) / len(p))
    found = np.zeros(len(p), dtype=bool)
    if len(holds):
        found[order[: holds[-1] + 1]] = True
    return found


@quiet.misconception(
    "places_of_the_alarms",
    why="These are the places of the alarms; asked is one True or False per input.",
    hint="Begin with `np.zeros(len(p), dtype=bool)`, and set the places to True.",
    seen=lambda got: max(np.ravel(got), default=0) > 1,  # an index, no flag
)
def _(p):
    return np.flatnonzero(alarms(p))


# ---- 10.3 ------------------------------------------------------------------------------------------

trouble = Exercise(
    "10.3",
    "Which kind of trouble is it?",
    level="core",
    minutes=8,
    objectives=(1,),
    hints=(
        "In which order would you ask? What can be said without a label, and what cannot?",
        "Refused rows first, then: are there labels? Then: does it hurt? Then what moved.",
        "It hurts: a slope within the limits says that the old order of rows still holds, so only P(y) moved.",
    ),
)


@trouble.reference
def kind(evidence):
    if evidence["refused"] > 0.01:
        return "data fault"
    if evidence["labels"] < 1000:
        return "cannot tell yet"
    if evidence["excess"] <= 0.03:
        return "data drift" if evidence["moved"] >= 0.05 else "nothing"
    if 0.7 <= evidence["slope"] <= 1.4:
        return "target drift"
    return "concept drift"


KINDS = ("data fault", "cannot tell yet", "nothing", "data drift", "target drift", "concept drift")
WEIGHTS = np.array([1.6, -1.6, 0.4])
CUTS = np.array([-1.2816, -0.8416, -0.5244, -0.2533, 0, 0.2533, 0.5244, 0.8416, 1.2816])  # tenths of a normal
START = -2.0  # log-odds of an ordinary row: spam is rare


def world(rng, law, n=3_000):
    """Inputs, labels and the model's probabilities; the model knows the old law."""
    m = 4 * n
    moves = law == "data drift" or (law == "concept drift" and rng.random() < 0.5)  # both at once
    x = rng.normal(size=(m, 3)) + np.array([0.7, 0, 0]) * moves
    true = WEIGHTS * np.where(law == "concept drift", [-1, -1, 1], 1)
    y = rng.random(m) < 1 / (1 + np.exp(-START - x @ true))
    if law == "target drift":  # most of the honest ones stay away: P(x|y) is as it was
        kept = y | (rng.random(m) < 0.2)
        x, y = x[kept], y[kept]
    return x[:n], y[:n], 1 / (1 + np.exp(-START - x[:n] @ WEIGHTS))


def slope(y, p):
    """Slope of the truth against log-odds, by a few steps of Newton's method."""
    z = np.column_stack([np.ones(len(p)), np.log(p / (1 - p))])
    beta = np.zeros(2)
    for _ in range(8):
        q = 1 / (1 + np.exp(-z @ beta))
        beta += np.linalg.solve((z * (q * (1 - q))[:, None]).T @ z, z.T @ (y - q))
    return float(beta[1])


def evidence_of(rng, truth, law=None):
    """What monitoring measures in a fresh world of known trouble."""
    law = law or (str(rng.choice(KINDS[2:])) if truth in KINDS[:2] else truth)
    x, y, p = world(rng, law)
    shares = [np.bincount(np.digitize(column, CUTS), minlength=10) / len(x) for column in x.T]
    loss = -np.log(np.where(y, p, 1 - p))
    promised = -(p * np.log(p) + (1 - p) * np.log(1 - p))
    late = truth == "cannot tell yet" or (truth == "data fault" and rng.random() < 0.8)
    return {
        "refused": float(rng.uniform(0.02, 0.3) if truth == "data fault" else rng.uniform(0, 0.008)),
        "moved": float(np.abs(np.subtract(shares, 0.1)).sum(axis=1).max() / 2),
        "labels": int(rng.integers(0, 900) if late else len(y)),
        "excess": None if late else float((loss - promised).mean()),
        "slope": None if late else slope(y, p),
    }


CASES = (  # each of them in every eight draws: truth, and what is behind it
    *(
        ("data fault", "data drift"),
        ("cannot tell yet", "data drift"),
        ("data drift", None),
        ("target drift", None),
    ),
    *(("data fault", None), ("cannot tell yet", "nothing"), ("nothing", None), ("concept drift", None)),
)


@trouble.inputs
def some_evidence(rng):
    (own,) = rng.spawn(1)  # its key counts the draws
    return (evidence_of(own, *CASES[own.bit_generator.seed_seq.spawn_key[-1] % len(CASES)]),)


WORLDS = {
    "data fault": "the kind when rows are refused",
    "cannot tell yet": "the kind before labels are there",
    "nothing": "the kind in a world where nothing happened",
}


def agrees(answer, rng, kinds):
    for truth in kinds:
        about = WORLDS.get(truth, f"the kind in a world of {truth}")
        expect_same(answer(evidence_of(rng, truth)), truth, about)


@trouble.law("it agrees with the truth on fresh worlds, once labels are there")
def _(answer, rng):
    agrees(answer, rng, [*KINDS[2:], *KINDS[2:], "concept drift", "concept drift"])


@trouble.law("before labels arrive nobody can tell, also when the inputs are still")
def _(answer, rng):
    agrees(answer, rng, ["cannot tell yet"] * 6)


@trouble.law("a data fault is seen without labels, and before anything else")
def _(answer, rng):
    agrees(answer, rng, ["data fault"] * 6)


@trouble.law("on each limit it answers as the text says")
def _(answer, rng):
    calm = {"refused": 0.01, "moved": 0.049, "labels": 1000, "excess": 0.03, "slope": 1.0}
    cases = {
        "nothing": {},
        "data fault": {"refused": 0.011},
        "cannot tell yet": {"labels": 999, "excess": None, "slope": None},
        "data drift": {"moved": 0.05},
    }
    for wanted, change in cases.items():
        expect_same(answer(calm | change), wanted, f"the kind of {calm | change}")
    for at, wanted in (
        (0.69, "concept drift"),
        (0.7, "target drift"),
        (1.4, "target drift"),
        (1.41, "concept drift"),
    ):
        hurt = calm | {"excess": 0.031, "slope": at}
        expect_same(answer(hurt), wanted, f"the kind of {hurt}")


@trouble.misconception(
    "inputs_moved_so_concept",
    why="Inputs that moved are P(x). A concept is P(y|x), and it is whole while the losses are as promised.",
    hint="Moved, and no harm: which of the three is that?",
)
def _(evidence):
    return "concept drift" if kind(evidence) == "data drift" else kind(evidence)


@trouble.misconception(
    "score_drop_so_data",
    why="The loss rose while inputs moved, but the inputs are not why: look at y given x.",
    hint="When it hurts, the slope decides, not `moved`.",
)
def _(evidence):
    hurt = kind(evidence) in ("target drift", "concept drift")
    return "data drift" if hurt and evidence["moved"] >= 0.05 else kind(evidence)


@trouble.misconception(
    "inputs_decide_without_labels",
    why="Without labels nobody sees P(y|x): every input can look normal while every answer is wrong.",
    hint="With fewer than 1,000 labels, whatever moved, there is one answer.",
)
def _(evidence):
    early = kind(evidence) == "cannot tell yet"
    return ("data drift" if evidence["moved"] >= 0.05 else "nothing") if early else kind(evidence)


@trouble.misconception(
    "still_inputs_so_nothing",
    why="Inputs that are still say nothing of P(y|x), so *nothing* cannot be said without labels.",
    hint="Ask for labels before you say *nothing*.",
)
def _(evidence):
    early = kind(evidence) == "cannot tell yet"
    return "nothing" if early and evidence["moved"] < 0.05 else kind(evidence)


@trouble.misconception(
    "moved_so_data_drift",
    why="P(x) moved, that is seen without labels. Whether that is all that moved is not: it may hurt too.",
    hint="*Data drift* says that there is no harm; that waits for labels.",
)
def _(evidence):
    early = kind(evidence) == "cannot tell yet"
    return "data drift" if early and evidence["moved"] >= 0.05 else kind(evidence)


@trouble.misconception(
    "moved_is_asked_first",
    why="Inputs move in a target drift too, and may in a concept drift: `moved` tells the kinds apart last.",
    hint="After the refused rows ask for labels, then for harm; `moved` only where nothing hurts.",
)
def _(evidence):
    fault = kind(evidence) == "data fault"
    return "data drift" if evidence["moved"] >= 0.05 and not fault else kind(evidence)


@trouble.misconception(
    "moved_before_refused_rows",
    why="A column in another unit moves too: a data fault looks like a data drift, until the schema is asked.",
    hint="`refused` first, `moved` last.",
)
def _(evidence):
    return "data drift" if evidence["moved"] >= 0.05 else kind(evidence)


@trouble.misconception(
    "target_and_concept_swapped",
    why="A slope near 1 says that the old order holds: only P(y) moved, and that is target drift.",
    hint="Within 0.7 to 1.4 target, outside concept.",
)
def _(evidence):
    other = {"target drift": "concept drift", "concept drift": "target drift"}
    return other.get(kind(evidence), kind(evidence))


@trouble.misconception(
    "labels_first",
    why="Rows that the schema refuses are a fault today; no label is needed to see it.",
    hint="Look at `refused` first.",
)
def _(evidence):
    return "cannot tell yet" if evidence["labels"] < 1000 else kind(evidence)


@trouble.misconception(
    "any_harm_is_concept",
    why="When P(y) alone moved, the old order of rows still holds: the same row means what it meant.",
    hint="A slope from 0.7 to 1.4 says that the order holds.",
)
def _(evidence):
    return "concept drift" if kind(evidence) == "target drift" else kind(evidence)


# ---- 10.4 ------------------------------------------------------------------------------------------

planned = Exercise(
    "10.4",
    "A monitoring plan for the parcel forecast",
    level="design",
    minutes=6,
    objectives=(1, 3),
    value=True,
    hints=(
        "For each line: who would notice first, if nobody measured? That is the signal that is missing.",
        "`s` and `i` need no labels; `e` waits two days for the counts; `g` looks at the service, never at answers.",
        "Drift without harm is watched (4). Retrain (2) where the same inputs now mean something else.",
    ),
    criteria=(
        "the data each signal needs, and when they are there",
        "the method and its limit, with the false alarms it allows",
        "the metric in a unit that the depot understands (parcels, or vans)",
        "one picture per signal, and the decision that it serves",
    ),
)


@planned.reference
def plan():
    return {"a": "s1", "b": "e2", "c": "g3", "d": "i4", "e": "g3", "f": "i4"}


SIGNALS, ACTIONS = "sieg", "1234"
ASKED = "write one of s i e g and one of 1 to 4, such as 'g2'"


def is_code(code):
    """Whether it is a signal and an action."""
    return isinstance(code, str) and len(code) == 2 and code[0] in SIGNALS and code[1] in ACTIONS


def unreadable(answer):
    """What is wrong with the form of a plan, or nothing."""
    if not isinstance(answer, dict):
        return f"expected a dictionary, got {type(answer).__name__} {shown(answer)}"
    missing = [letter for letter in plan() if letter not in answer]
    if missing:
        return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    odd = [letter for letter in plan() if not is_code(answer[letter])]
    return f"{odd[0]} is {shown(answer[odd[0]])}: {ASKED}" if odd else ""


@planned.law("every letter has a signal and an action")
def _(answer, rng):
    expect(not unreadable(answer), unreadable(answer))


def fit(answer, part, what):
    """Expect that the signal (0) or the action (1) of each letter that can be read is right."""
    given = {k: answer[k] for k in plan() if isinstance(answer, dict) and is_code(answer.get(k))}
    expect(given, f"no letter can be read: {ASKED}")
    wrong = [k for k, code in given.items() if code[part] != plan()[k][part]]
    expect(not wrong, f"another {what} fits better for {', '.join(wrong)}")


@planned.law("each signal is the first that shows its trouble")
def _(answer, rng):
    fit(answer, 0, "signal")


@planned.law("each action helps")
def _(answer, rng):
    fit(answer, 1, "action")


def given(letters, signals=SIGNALS, actions=ACTIONS):
    """Whether one of the letters has such a code; that shows a wrong idea, whatever the rest is."""

    def seen(answer):
        codes = [answer[k] for k in letters if is_code(answer.get(k))]
        return any(code[0] in signals and code[1] in actions for code in codes)

    return seen


@planned.misconception(
    "no_trouble_no_entry",
    why="To watch and call nobody is a decision too (4), and a plan that is silent looks forgotten.",
    hint="f: which signal shows it, and who is called?",
    seen=lambda answer: "f" in answer,
)
def _():
    return {letter: code for letter, code in plan().items() if letter != "f"}


@planned.misconception(
    "refused_rows_as_drift",
    why="The contract forbids such counts: each row is refused as it comes; a drift report needs a day of them.",
    hint="a: which signal sees a single row?",
    seen=given("a", signals="i"),
)
def _():
    return plan() | {"a": "i1"}


@planned.misconception(
    "wait_for_the_counts",
    why="The counts come two days late; rows that the contract forbids show tonight.",
    hint="a: take the signal that shows it first.",
    seen=given("a", signals="e"),
)
def _():
    return plan() | {"a": "e1"}


@planned.misconception(
    "a_model_for_pallets",
    why="A model that learns from pallets is wrong on parcels; the column is broken, not the model.",
    hint="a: who can send parcels again?",
    seen=given("a", actions="2"),
)
def _():
    return plan() | {"a": "s2"}


@planned.misconception(
    "inputs_tell_of_the_shop",
    why="With equal inputs no drift report moves: what the same inputs mean has changed, P(y|x).",
    hint="b: only the true counts show it.",
    seen=given("b", signals="i"),
)
def _():
    return plan() | {"b": "i2"}


@planned.misconception(
    "the_shop_is_only_watched",
    why="The shop stays closed: a forecast that does not learn this sends vans for nothing, every day.",
    hint="b: the same inputs mean something else now.",
    seen=given("b", signals="e", actions="134"),
)
def _():
    return plan() | {"b": "e4"}


@planned.misconception(
    "retrain_for_december",
    why="The errors are as in training: the model knows December, and a new one mends nothing.",
    hint="d: drift is not harm.",
    seen=given("d", actions="2"),
)
def _():
    return plan() | {"d": "i2"}


@planned.misconception(
    "december_calls",
    why="Whoever is called for December sleeps through Millbeck.",
    hint="d: what would the person who is called do?",
    seen=given("d", actions="13"),
)
def _():
    return plan() | {"d": "i3"}


@planned.misconception(
    "december_in_the_errors",
    why="The errors are as in training, so they show nothing here, and two days late.",
    hint="d: what did move?",
    seen=given("d", signals="e", actions="4"),
)
def _():
    return plan() | {"d": "e4"}


@planned.misconception(
    "called_for_one_p",
    why="Of 40 healthy inputs at least one has p below 0.05 on 87 days of 100.",
    hint="f: Benjamini and Hochberg would hold the smallest of 40 against 0.05 / 40.",
    seen=given("f", actions="123"),
)
def _():
    return plan() | {"f": "i1"}


@planned.misconception(
    "answers_tell_of_the_service",
    why="While memory runs out or a disk is busy, rows, inputs and answers are as ever.",
    hint="c and e: which signal looks at the service?",
    seen=given("ce", signals="sie"),
)
def _():
    return plan() | {"c": "e3", "e": "e3"}


@planned.misconception(
    "a_sick_service_is_watched",
    why="It does not pass by itself: memory ends, and at 40 seconds nobody waits for the answer.",
    hint="c and e: who can do something, and from what page?",
    seen=given("ce", signals="g", actions="4"),
)
def _():
    return plan() | {"c": "g4", "e": "g4"}


@planned.misconception(
    "a_new_model_for_a_sick_service",
    why="A service that is short of memory or of disk is not mended by a new model.",
    hint="c and e: ask what is broken.",
    seen=given("ce", signals="g", actions="2"),
)
def _():
    return plan() | {"c": "g2", "e": "g2"}


# ---- 10.5 ------------------------------------------------------------------------------------------

climbing = Exercise(
    "10.5",
    "When did the errors begin to climb?",
    level="stretch",
    minutes=10,
    objectives=(2,),
    hints=(
        "Keep three numbers: the mean so far, the sum of what lies above it, and the lowest that this sum ever was.",
        "Row by row: update the mean (this row included), add `error - mean - slack`, then look.",
        "The alarm is where the sum stands more than `limit` above its lowest; the sum begins at 0.",
    ),
)


@climbing.reference
def first_alarm(errors, slack, limit):
    mean = total = lowest = 0.0
    for i, error in enumerate(errors):
        mean += (error - mean) / (i + 1)
        total += error - mean - slack
        lowest = min(lowest, total)
        if total - lowest > limit:
            return i


@climbing.inputs
def some_errors(rng):
    rates = np.repeat(rng.permutation([0.0, 0.3, 0.9]), rng.permutation([6, 6, 8]))  # 20 rows: all are shown
    errors = (rng.random(20) < rates).astype(float)
    return errors, float(rng.uniform(0.02, 0.1)), float(rng.uniform(0.8, 2))


def expect_alarm(answer, call, wanted, about):
    """Expect an alarm at a row, or None; both are answers."""
    got = answer(*call)
    fine = same(got, wanted)
    in_words = ["no alarm (None)" if at is None else f"row {shown(at)}" for at in (got, wanted)]
    expect(fine, f"{about}: got {in_words[0]}, expected {in_words[1]}")


@climbing.law("a level stream never alarms, whatever its level")
def _(answer, rng):
    for level in (0.0, 0.3, 1.0):
        expect_alarm(answer, (np.full(20, level), 0.1, 0.5), None, f"errors that are all {level:g}")


@climbing.law("a climb alarms after it began, and soon")
def _(answer, rng):
    at = answer(np.repeat([0.0, 1.0], 10), 0.01, 3.0)
    expect(
        at is not None and 10 <= at < 15, f"errors of 0 become 1 at row 10; the alarm comes at {shown(at)}"
    )
    expect_alarm(answer, (np.repeat([1.0, 0.0], 10), 0.01, 3.0), None, "errors become fewer")


@climbing.law("the limit is reached without an alarm, and passed with one")
def _(answer, rng):
    for limit, wanted in ((0.5, None), (0.25, 1)):
        call = np.array([0.0, 1.0]), 0.0, limit
        expect_alarm(answer, call, wanted, f"errors 0 and 1, a limit of {limit:g}")


def by_sums(errors, slack, limit):
    """The same from cumulated sums."""
    means = np.cumsum(errors) / np.arange(1, len(errors) + 1)
    total = np.cumsum(errors - means - slack)
    over = np.flatnonzero(total - np.minimum(np.minimum.accumulate(total), 0) > limit)
    return int(over[0]) if len(over) else None


@climbing.law("it is the test of Page and Hinkley")
def _(answer, rng):
    for _ in range(20):
        call = some_errors(rng)
        expect_alarm(answer, call, by_sums(*call), "20 errors")


@climbing.misconception(
    "no_slack",
    why="Without the slack the sum of a level stream wanders, and reaches any limit some day.",
    hint="Take `slack` off in each row.",
)
def _(errors, slack, limit):
    return first_alarm(errors, 0.0, limit)


@climbing.misconception(
    "sum_not_rise",
    why="A long quiet time pulls the sum far down; it must be measured from its lowest.",
    hint="Compare `total - lowest` with the limit, not `total`.",
)
def _(errors, slack, limit):
    means = np.cumsum(errors) / np.arange(1, len(errors) + 1)
    over = np.flatnonzero(np.cumsum(errors - means - slack) > limit)
    return int(over[0]) if len(over) else None


@climbing.misconception(
    "both_ways",
    why="Errors that become fewer are no reason to wake somebody.",
    hint="Only a rise counts.",
)
def _(errors, slack, limit):
    found = [first_alarm(errors, slack, limit), first_alarm(-errors, slack, limit)]
    return min((at for at in found if at is not None), default=None)
