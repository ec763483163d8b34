"""Exercises of lab 00: why is a perfect model not enough?"""

import numpy as np

from mlsd.course.lab import Exercise, expect, expect_same, written
from mlsd.platform.architecture import DEFECTS, crooked, reaches

# ---- 00.1 ------------------------------------------------------------------------------------------

prevented = Exercise(
    "00.1",
    "What share of the spam views is prevented?",
    level="warm-up",
    minutes=5,
    objectives=(2,),
    hints=(
        "Start with one post: of its views, which part still lies ahead when the verdict comes?",
        "After one half-life a half is ahead, after two a quarter: `0.5 ** (delay / half_life)`.",
        "Add up what is prevented over the posts that are caught, and divide by all the views.",
    ),
)


@prevented.reference
def views_prevented(caught, views, delay, half_life):
    ahead = 0.5 ** (delay / half_life)
    return np.sum(views * caught * ahead) / np.sum(views)


@prevented.inputs
def spam_posts(rng):
    n = int(rng.integers(3, 30))
    views = np.round(rng.lognormal(3, 1.5, n)) + 1
    half_life = float(rng.uniform(10, 60))
    return rng.random(n) < 0.6, views, rng.uniform(0, 3 * half_life, n), half_life


@prevented.law("half of the views lie ahead after one half-life, a quarter after two")
def _(answer, rng):
    views = np.array([100.0, 100.0])
    expect_same(answer(np.array([True, True]), views, np.array([30.0, 60.0]), 30.0), 0.375)


@prevented.law("everything caught at once prevents everything")
def _(answer, rng):
    caught, views, delay, half_life = spam_posts(rng)
    expect_same(answer(caught | True, views, delay * 0, half_life), 1.0)


@prevented.law("a post that a thousand members see counts a thousand times one that a single member sees")
def _(answer, rng):
    views, caught = np.array([1000.0, 1.0]), np.array([True, False])
    expect_same(answer(caught, views, np.array([0.0, 0.0]), 30.0), 1000 / 1001)


@prevented.law("a longer wait prevents less")
def _(answer, rng):
    caught, views, delay, half_life = spam_posts(rng)
    caught[0] = True
    expect(
        answer(caught, views, delay + 20, half_life) < answer(caught, views, delay, half_life),
        "20 minutes more for every post did not lower the share",
    )


@prevented.law("twice the views of every post: the same share")
def _(answer, rng):
    caught, views, delay, half_life = spam_posts(rng)
    expect_same(answer(caught, 2 * views, delay, half_life), answer(caught, views, delay, half_life))


@prevented.law("it is what adding up post by post gives")
def _(answer, rng):
    for _ in range(5):
        caught, views, delay, half_life = spam_posts(rng)
        ahead = [v * 2 ** (-d / half_life) for c, v, d in zip(caught, views, delay, strict=True) if c]
        expect_same(answer(caught, views, delay, half_life), sum(ahead) / sum(views))


@prevented.misconception(
    "counts_posts",
    why="This counts every post once; one viral post does the harm of a hundred quiet ones.",
    hint="Weigh a post by who sees it.",
)
def _(caught, views, delay, half_life):
    return np.mean(caught * 0.5 ** (delay / half_life))


@prevented.misconception(
    "half_life_as_mean",
    why="This takes the half-life for the mean waiting time, so too many views seem to lie ahead or behind.",
    hint="After one half-life exactly half is left.",
)
def _(caught, views, delay, half_life):
    return np.sum(views * caught * np.exp(-delay / half_life)) / np.sum(views)


@prevented.misconception(
    "never_late",
    why="This believes that a post caught is a post prevented, whenever the verdict comes.",
    hint="Which views had happened by then?",
)
def _(caught, views, delay, half_life):
    return np.sum(views * caught) / np.sum(views)


# ---- 00.2 ------------------------------------------------------------------------------------------

architecture = Exercise(
    "00.2",
    "Which of the five defects does this architecture have?",
    level="core",
    minutes=8,
    objectives=(1,),
    hints=(
        "Four of the five are about paths, and `reaches` finds paths. Which one is about single arrows?",
        "`reaches(arrows, a, b, avoiding=[c])` asks whether one can get from a to b without c.",
        'A missing path: `if not reaches(arrows, "monitoring", "training"): found.add("no feedback")`.',
    ),
)


@architecture.reference
def defects(arrows):
    found = set()
    if not reaches(arrows, "monitoring", "training"):
        found.add("no feedback")
    if any(target == "serving" and source != "registry" for source, target in arrows):
        found.add("loose file")
    if reaches(arrows, "test rows", "training", avoiding=["evaluation"]):
        found.add("test rows leak")
    if reaches(arrows, "training", "registry", avoiding=["evaluation"]):
        found.add("no gate")
    if not reaches(arrows, "labels", "monitoring"):
        found.add("labels unread")
    return found


@architecture.inputs
def some_architecture(rng):
    return (crooked(int(rng.integers(1_000_000)))[0],)


@architecture.law("a sound architecture has no defect")
def _(answer, rng):
    expect_same(set(answer(crooked(int(rng.integers(1000)), [])[0])), set())


@architecture.law("each defect alone is named")
def _(answer, rng):
    for name in DEFECTS:
        expect_same(set(answer(crooked(int(rng.integers(1000)), [name])[0])), {name}, f"planted: {name}")


@architecture.law("several at once are all named, and nothing else")
def _(answer, rng):
    for _ in range(8):
        arrows, planted = crooked(int(rng.integers(1_000_000)))
        expect_same(set(answer(arrows)), planted)


@architecture.law("a path counts, however many boxes it leads through")
def _(answer, rng):
    arrows, _ = crooked(int(rng.integers(1000)), [])
    arrows.remove(("monitoring", "pipeline"))
    arrows += [("monitoring", "alert"), ("alert", "person on duty"), ("person on duty", "pipeline")]
    expect_same(set(answer(arrows)), set(), "the alert wakes a person, who starts the pipeline")


@architecture.misconception(
    "latest_file_is_fine",
    why="This lets serving read a model from any folder.",
    hint="Serving asks the registry; a newest file is nobody's decision.",
)
def _(arrows):
    return defects(arrows) - {"loose file"}


@architecture.misconception(
    "feedback_optional",
    why="This never asks whether anything comes back.",
    hint="No labels back, nothing to relearn from: look at both ends of the loop.",
)
def _(arrows):
    return defects(arrows) - {"no feedback", "labels unread"}


@architecture.misconception(
    "arrows_only",
    why="This looks for one arrow where a path may lead through other boxes.",
    hint="Use `reaches`: a leak through a feature table is still a leak.",
)
def _(arrows):
    found = {"no feedback"} if ("monitoring", "pipeline") not in arrows else set()
    found |= {"loose file"} if any(t == "serving" and s != "registry" for s, t in arrows) else set()
    found |= {"test rows leak"} if ("test rows", "training") in arrows else set()
    found |= {"no gate"} if ("training", "registry") in arrows else set()
    return found | ({"labels unread"} if ("labels", "prediction log") not in arrows else set())


# ---- 00.3 ------------------------------------------------------------------------------------------

maturity = Exercise(
    "00.3",
    "Which maturity level does the evidence allow?",
    level="core",
    minutes=7,
    objectives=(3,),
    hints=(
        "Six bullets of twelve may still be level 0. Climb from level 1 upwards: what makes you stop?",
        "A level is reached when all its bullets are in `evidence`: `bullets[step] <= evidence`.",
    ),
)


@maturity.reference
def level(evidence, bullets):
    reached = 0
    for step in sorted(bullets):
        if not bullets[step] <= evidence:
            break
        reached = step
    return reached


@maturity.inputs
def some_team(rng):
    names = iter([f"bullet {k}" for k in rng.permutation(40)])
    bullets = {step: {next(names) for _ in range(rng.integers(1, 5))} for step in range(1, 5)}
    every = set().union(*bullets.values())
    share = rng.uniform(0.5, 0.95)
    return {name for name in sorted(every) if rng.random() < share}, bullets


@maturity.law("no evidence is level 0, all of it is the highest level")
def _(answer, rng):
    _, bullets = some_team(rng)
    expect_same(answer(set(), bullets), 0, "no evidence")
    expect_same(answer(set().union(*bullets.values()), bullets), 4, "all the evidence")


@maturity.law("exactly the bullets of the lowest levels are enough for them")
def _(answer, rng):
    _, bullets = some_team(rng)
    for step in bullets:
        evidence = set().union(*(bullets[k] for k in range(1, step + 1)))
        expect_same(answer(evidence, bullets), step, f"all of levels 1 to {step} and nothing above")


@maturity.law("one bullet missing on a level keeps the team below that level")
def _(answer, rng):
    _, bullets = some_team(rng)
    for step in bullets:
        evidence = set().union(*bullets.values()) - {min(bullets[step])}
        expect_same(answer(evidence, bullets), step - 1, f"only one bullet of level {step} is missing")


@maturity.law("more evidence never lowers the level")
def _(answer, rng):
    for _ in range(10):
        evidence, bullets = some_team(rng)
        more = evidence | {sorted(set().union(*bullets.values()))[0]}
        expect(answer(more, bullets) >= answer(evidence, bullets), "one bullet more lowered it")


@maturity.misconception(
    "counts_bullets",
    why="This counts bullets, wherever they stand.",
    hint="Half of the bullets may still be level 0: which ones are missing?",
)
def _(evidence, bullets):
    every = set().union(*bullets.values())
    return len(evidence & every) * max(bullets) // len(every)


@maturity.misconception(
    "counts_levels",
    why="This counts the levels that are complete, also above one that is not.",
    hint="Levels stack: one that is incomplete ends the climb.",
)
def _(evidence, bullets):
    return sum(bullets[step] <= evidence for step in bullets)


@maturity.misconception(
    "highest_bullet",
    why="This takes the highest level that is complete in itself.",
    hint="Levels stack: a level counts when all levels below it are complete.",
)
def _(evidence, bullets):
    return max([0, *(step for step in bullets if bullets[step] <= evidence)])


# ---- 00.4 ------------------------------------------------------------------------------------------

box = Exercise(
    "00.4",
    "What does a member notice on the day a box fails?",
    level="design",
    minutes=6,
    objectives=(1,),
    value=True,
    criteria=(
        "names one box, and what it hands to the next one",
        "says what a member sees, hears or pays, in that member's words",
        "says which other box would tell the team, and how long that takes",
        "says whose work it is to mend it",
    ),
    hints=("Take a box that is not the model. What did Odile see on Sunday?",),
)


@box.reference
def noticed():
    return (
        "The prediction log stops taking labels. Nothing looks different to Odile on that day: posts are "
        "scored as before. But monitoring has no verdicts to compare with, so when scammers change their "
        "wording two weeks later nobody is alerted, and she meets fake jobs again. A count of labels per "
        "day would show it the next morning, on the dashboard of the MLOps engineer. She mends it, since "
        "the log is part of the platform; the data scientist has to say how many labels are enough."
    )


box.law("your answer is in your own words")(written(words=25))


# ---- 00.5 ------------------------------------------------------------------------------------------

entanglement = Exercise(
    "00.5",
    "Which other importances move when one input goes?",
    level="stretch",
    minutes=10,
    objectives=(1,),
    hints=(
        "Compare like with like: before, there was one input more to share with.",
        "Among the inputs that stay, divide each importance by their sum, before and after.",
        "An input moved when its share differs by more than a tenth of what it was.",
    ),
)


@entanglement.reference
def moved(before, after):
    stay = [name for name in before if name in after]
    old = sum(before[name] for name in stay)
    new = sum(after[name] for name in stay)
    return {name for name in stay if abs(after[name] / new - before[name] / old) > 0.1 * before[name] / old}


@entanglement.inputs
def two_models(rng):
    names = [f"input {k}" for k in range(int(rng.integers(4, 9)))]
    before = dict(zip(names, rng.uniform(1, 100, len(names)), strict=True))
    gone = names[int(rng.integers(len(names)))]
    change = np.where(rng.random(len(names)) < 0.5, 1.0, rng.uniform(0.4, 2.5, len(names)))
    after = {n: before[n] * c for n, c in zip(names, change, strict=True) if n != gone}
    return before, after


@entanglement.law("an input that goes while all others keep their gains moves nobody")
def _(answer, rng):
    before, after = two_models(rng)
    expect_same(set(answer(before, {name: before[name] for name in after})), set())


@entanglement.law("only shares count: all gains three times as large move nobody")
def _(answer, rng):
    before, _ = two_models(rng)
    expect_same(set(answer(before, {name: 3 * gain for name, gain in before.items()})), set())


@entanglement.law("two inputs that trade their gains are both named")
def _(answer, rng):
    before = {"n_links": 40.0, "topic": 20.0, "n_words": 40.0, "language": 10.0}
    after = {"n_links": 20.0, "topic": 40.0, "n_words": 40.0}
    expect_same(set(answer(before, after)), {"n_links", "topic"})


@entanglement.law("a change of less than a tenth, up or down, does not count")
def _(answer, rng):
    before = {"n_links": 100.0, "topic": 100.0, "n_words": 100.0, "language": 100.0}
    after = {"n_links": 108.0, "topic": 92.0, "n_words": 100.0, "language": 100.0}
    expect_same(set(answer(before, after)), set())


@entanglement.law("a tenth of what it was, not of what it became")
def _(answer, rng):
    before = {"n_links": 500.0, "topic": 500.0, "language": 500.0}
    expect_same(set(answer(before, {"n_links": 553.0, "topic": 447.0})), {"n_links", "topic"})
    expect_same(set(answer(before, {"n_links": 548.0, "topic": 452.0})), set())


@entanglement.law("it agrees with the shares worked out by hand")
def _(answer, rng):
    for _ in range(5):
        before, after = two_models(rng)
        names = sorted(after)
        b, a = np.array([before[n] for n in names]), np.array([after[n] for n in names])
        off = np.abs((a / a.sum()) / (b / b.sum()) - 1)
        expect_same(
            set(answer(before, after)), {n for n, share in zip(names, off, strict=True) if share > 0.1}
        )


@entanglement.misconception(
    "unequal_wholes",
    why="Before, the shares were taken with the input that goes; so everyone seems to grow.",
    hint="Take both shares among the inputs that stay.",
)
def _(before, after):
    old, new = sum(before.values()), sum(after.values())
    return {n for n in after if abs(after[n] / new - before[n] / old) > 0.1 * before[n] / old}


@entanglement.misconception(
    "raw_gains",
    why="Gains are in units of the loss of one model; two models have two scales.",
    hint="Divide by the sum first.",
)
def _(before, after):
    return {n for n in after if abs(after[n] - before[n]) > 0.1 * before[n]}


@entanglement.misconception(
    "counts_the_one_that_goes",
    why="The input that was taken out moved, of course; the question is about the others.",
    hint="Look at the inputs that are in both.",
)
def _(before, after):
    return moved(before, after) | (set(before) - set(after))
