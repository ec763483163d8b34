"""Figures: the same bytes for the same data, their words in the text, house colours, no global state."""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from mlsd import plot
from mlsd.alt_text import alt_text
from mlsd.plot import (
    CURRENT,
    INK,
    REFERENCE,
    REFUSED,
    label_ends,
    picture,
    plot_calibration,
    plot_drift,
    plot_importance,
    plot_performance,
    plot_profile,
    plot_report,
    svg,
)
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError, Report

DAYS = pd.date_range("2024-02-05", periods=12, tz="UTC")


def frames():
    rng = np.random.default_rng(0)
    before = pd.DataFrame(
        {
            "n_words": rng.gamma(3, 20, 2_000),
            "n_links": rng.poisson(0.8, 2_000),
            "topic": rng.choice(["art", "ml", "jobs"], 2_000, p=[0.5, 0.3, 0.2]),
            "post_id": [f"post {i}" for i in range(2_000)],
        }
    )
    after = before[:500].assign(n_words=before["n_words"][:500] * 1.5, topic="ml")
    after.loc[0, "topic"] = "news"
    return before, after


def profiles():
    before, after = frames()
    reference = Profile.of(before)
    return reference, Profile.of(after, like=reference)


def drift_reports():
    """Twelve windows: `n_words` moves from the seventh on, by 20 % of the rows; others wander below 4 %."""
    rng = np.random.default_rng(0)
    reports = []
    for i in range(len(DAYS)):
        moved = Finding("drift", "n_words", i < 6, 0.2 if i >= 6 else 0.01, 0.05, "the mean moved")
        still = [
            Finding("drift", name, True, float(rng.uniform(0, 0.04)), 0.05) for name in ("a", "b", "c", "d")
        ]
        reports.append(Report("drift", (moved, *still, Finding("not_compared", "post_id", message="a key"))))
    return reports


EVALUATION = Report(
    "evaluation of is_spam",
    (
        Finding("rows", "is_spam", value=900, limit=30),
        Finding("metric", "log_loss", value=0.31, interval=(0.28, 0.34), severity="info"),
        Finding("metric", "roc_auc", value=0.87, interval=(0.85, 0.89), severity="info"),
        Finding("beats_constant", "constant", False, value=-0.02, limit=0, interval=(-0.05, 0.01)),
    ),
)


class Booster:
    """Stands for LightGBM's: three features, of which the last was never used."""

    def feature_importance(self, importance_type):
        assert importance_type == "gain"
        return np.array([30.0, 10.0, 0.0])


class Package:
    model = Booster()
    features = ("n_links", "asks_payment", "topic")


def pictures():
    reference, current = profiles()
    loss = np.linspace(0.3, 0.4, 12)
    rng = np.random.default_rng(0)
    p = rng.beta(1, 4, 1_000)
    return {
        "numbers": plot_profile(reference, current, "n_words", unit="words"),
        "counts": plot_profile(reference, current, "n_links"),
        "names": plot_profile(reference, current, "topic"),
        "alone": plot_profile(reference, None, "topic"),
        "drift": plot_drift(drift_reports(), DAYS),
        "performance": plot_performance(
            DAYS,
            loss,
            0.3,
            loss - 0.02,
            loss + 0.02,
            ceiling=0.25,
            events=[(DAYS[5], "alert"), (DAYS[8], "swap")],
        ),
        "report": plot_report(EVALUATION),
        "calibration": plot_calibration((rng.random(1_000) < p).astype(int), p),
        "importance": plot_importance(Package()),
    }


@pytest.fixture(scope="module")
def drawn():
    return pictures()


WORDS = {
    "numbers": ["n_words (words)", "share of the values", "reference", "current"],
    "counts": ["n_links: the median is", "n_links", "reference", "current"],
    "names": [
        "topic: 'ml' has 31% of the values in the reference",
        "100% now",
        "never seen",
        "art",
        "reference",
        "current",
    ],
    "alone": ["topic: 'art' has 49% of the values", "share of the values of topic"],
    "drift": [
        "n_words moved most: 20.0% of the rows",
        "effect (share of the rows that moved)",
        "limit 5.0%",
        "n_words",
    ],
    "performance": [
        "The last window's log loss is 0.100 above the promise",
        "log loss (lower is better)",
        "time (UTC)",
        *["measured", "promised", "ceiling", "alert", "swap"],
    ],
    "report": ["log loss", "0.31 (0.28 to 0.34)", "roc auc", "beats constant", "limit 0", "95 % interval"],
    "calibration": ["expected", "predicted probability", "share that came true", "as predicted"],
    "importance": ["n_links carries 75% of what the model", "asks_payment", "25%", "share of the gain"],
}


def words_of(text):
    """Every text of an SVG, its lines joined; the browser shows exactly these."""
    root = ET.fromstring(text)
    return " | ".join(
        "".join(node.itertext()).strip() for node in root.iter("{http://www.w3.org/2000/svg}text")
    )


def test_the_shares_said_are_the_shares_of_the_rows():
    topics = frames()[0]["topic"].value_counts(normalize=True)
    assert f"{topics['ml']:.0%} {topics['art']:.0%}" == "31% 49%"


@pytest.mark.parametrize("name", WORDS)
def test_the_words_stand_in_the_picture(drawn, name):
    words = words_of(svg(drawn[name]))
    for expected in WORDS[name]:
        assert expected in words


def test_the_same_data_give_the_same_bytes(drawn):
    again = pictures()
    for name, figure in drawn.items():
        assert svg(figure) == svg(again[name]) == svg(figure)


def test_house_colours_and_nothing_else(drawn):
    for figure in drawn.values():
        used = set(re.findall(r"#[0-9a-f]{6}\b", svg(figure)))
        used.discard("#ffffff")  # the hatch in the bars
        assert used <= {INK, REFERENCE, CURRENT, REFUSED}
        assert INK in used
    assert REFUSED in svg(drawn["drift"]) and REFUSED in svg(drawn["report"])
    assert REFUSED not in svg(drawn["numbers"])


def test_light_and_dark_on_one_page_do_not_borrow_from_each_other(drawn):
    """A reference finds the first element of its name on the page, whichever picture that belongs to."""
    for figure in (drawn["performance"], drawn["report"]):
        pages = (svg(figure), svg(figure, dark=True), figure._repr_svg_())
        taken = [set(re.findall(r'(?:href="#|url\(#)(\w+)', text)) for text in pages]
        assert all(taken) and len(set.union(*taken)) == sum(map(len, taken))


@pytest.mark.parametrize("dark", [False, True])
def test_words_can_be_read_on_their_ground(drawn, dark):
    """WCAG: a contrast of 4.5 for words; lines and bars need 3."""
    ground = "#16191d" if dark else "#ffffff"
    text = svg(drawn["performance"], dark=dark) + svg(drawn["drift"], dark=dark)
    colours = set(re.findall(r"#[0-9a-f]{6}\b", text))
    assert len(colours) == 4
    weak = {colour for colour in colours if contrast(colour, ground) < 4.5}
    assert weak == (set() if dark else {REFERENCE})
    assert all(contrast(colour, ground) >= 3 for colour in weak)


def test_a_notebook_shows_words_that_can_be_read_on_white_and_on_black(drawn):
    text = drawn["drift"]._repr_svg_()
    assert text.startswith("<svg")
    for colour in set(re.findall(r"#[0-9a-f]{6}\b", text)):
        assert contrast(colour, "#ffffff") >= 3 and contrast(colour, "#111111") >= 3


def contrast(a, b):
    """Source: WCAG 2.1, relative luminance."""

    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_picture_says_what_it_shows_to_those_who_cannot_see_it(drawn):
    for figure in drawn.values():
        assert figure.alt.endswith(".") and len(figure.alt) > 20
        assert f'role="img" aria-label="{figure.alt[:10]}' in svg(figure).replace("&#x27;", "'")
    assert 'aria-label="a &lt;b&gt; &quot;c&quot;' in svg(plot_report(EVALUATION, title='a <b> "c"'))


def test_nothing_is_cut_and_no_words_lie_on_each_other(drawn):
    """Every word stands inside of the figure, and the names at the ends of lines stand apart."""
    lines = plot_performance(DAYS, np.linspace(0.25, 0.3, 12), 0.3, ceiling=0.299)
    long = plot_report(EVALUATION, title="a title of many words " * 6)
    for name, figure in {**drawn, "three lines end as one": lines, "a long title": long}.items():
        figure.draw_without_rendering()
        (axes,) = figure.axes
        boxes = [text.get_window_extent() for text in [*axes.texts, *figure.texts] if text.get_text()]
        labels = [*_tick_labels(axes.xaxis), *_tick_labels(axes.yaxis), axes.xaxis.label, axes.yaxis.label]
        for box in [*boxes, *(label.get_window_extent() for label in labels if label.get_text())]:
            assert box.x0 >= -1 and box.y0 >= -1, name
            assert box.x1 <= figure.bbox.x1 + 1 and box.y1 <= figure.bbox.y1 + 1, name
        for i, box in enumerate(boxes):
            for other in boxes[:i]:
                width = min(box.x1, other.x1) - max(box.x0, other.x0)
                height = min(box.y1, other.y1) - max(box.y0, other.y0)
                assert width < 2 or height < 4, name  # the boxes hold some room around the letters


def _tick_labels(axis):
    low, high = sorted(axis.get_view_interval())
    return [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]


def test_metrics_stand_under_their_own_name(drawn):
    labels = [label.get_text() for label in drawn["report"].axes[0].get_yticklabels()]
    assert labels == ["beats constant", "roc auc", "log loss"]


def test_near_events_are_named_on_different_heights():
    events = [(DAYS[5], "drift"), (DAYS[5], "alert"), (DAYS[6], "canary"), (DAYS[11], "swap")]
    figure = plot_performance(DAYS, np.full(12, 0.3), 0.3, events=events)
    heights = {text.get_text(): text.xyann[1] for text in figure.axes[0].texts}
    assert len({heights["drift"], heights["alert"], heights["canary"]}) == 3
    assert heights["swap"] == heights["drift"]


def test_the_title_is_an_argument():
    for figure in (
        plot_report(EVALUATION, title="We lost"),
        plot_drift(drift_reports(), DAYS, title="We lost"),
        plot_performance(DAYS, np.full(12, 0.3), 0.3, title="We lost"),
        plot_calibration([0, 1], [0.2, 0.7], title="We lost"),
        plot_importance(Package(), title="We lost"),
        plot_profile(*profiles(), "topic", title="We lost"),
    ):
        assert figure.get_suptitle() == "We lost" and figure.alt.startswith("We lost. ")
        assert tuple(figure.get_size_inches()) == (6.0, 3.5)


def test_bars_of_a_profile_are_its_counts():
    """Oracle: for whole numbers each bar is the share of rows that hold this number."""
    before, after = frames()
    reference = Profile.of(before)
    figure = plot_profile(reference, Profile.of(after, like=reference), "n_links")
    for patch, values in zip(figure.axes[0].patches, (before["n_links"], after["n_links"]), strict=True):
        heights, edges, _ = patch.get_data()
        for height, left in zip(heights, edges, strict=False):
            assert height == pytest.approx((values == left + 0.5).mean(), abs=1e-9)


def test_bars_of_numbers_are_near_their_histogram():
    """Oracle: numpy's histogram of the rows; the profile kept only 100 cells of them."""
    before, _ = frames()
    figure = plot_profile(Profile.of(before), None, "n_words")
    heights, edges, _ = figure.axes[0].patches[0].get_data()
    direct = np.histogram(before["n_words"], edges)[0] / len(before)
    assert np.abs(heights - direct).max() < 0.01
    assert heights.sum() == pytest.approx(1, abs=0.01)


def test_values_far_beyond_the_reference_are_counted_in_words():
    before, after = frames()
    reference = Profile.of(before)
    after["n_words"] *= 1_000
    figure = plot_profile(reference, Profile.of(after, like=reference), "n_words")
    assert "current, 100% lie beyond" in words_of(svg(figure))


def test_constant_and_odd_columns_are_drawn():
    frame = pd.DataFrame(
        {"zero": [0.0] * 50, "three": [3] * 50, "flag": [True] * 50, "low": [-5.0, -4.5] * 25}
    )
    reference = Profile.of(frame)
    for name in ("zero", "three", "flag", "low"):
        if reference.columns[name].kind in ("number", "integer", "boolean", "category"):
            assert words_of(svg(plot_profile(reference, reference, name)))
    empty = Profile.of(frame[:0], like=reference)
    assert "current" not in words_of(svg(plot_profile(reference, empty, "low")))


def test_calibration_dots_are_scikit_learns():
    """Oracle: sklearn's calibration curve with bins of as many rows each."""
    from sklearn.calibration import calibration_curve

    rng = np.random.default_rng(1)
    p = rng.random(1_000)
    y = (rng.random(1_000) < p).astype(int)
    true, said = calibration_curve(y, p, n_bins=10, strategy="quantile")
    dots = plot_calibration(y, p).axes[0].lines[1]
    assert dots.get_xdata() == pytest.approx(said, abs=1e-9)
    assert dots.get_ydata() == pytest.approx(true, abs=1e-9)


def test_nothing_to_draw_is_said():
    for figure, words in (
        (plot_performance([], [], []), "No window could be judged"),
        (plot_drift([], [], 0.1), "No column moved"),
        (plot_report(Report("empty")), "No finding carries an interval"),
    ):
        assert words_of(svg(figure)).replace(" | ", "") == words


def test_gaps_in_a_line_are_left_open():
    reports = drift_reports()
    reports[3] = Report("drift", ())
    line = next(x for x in plot_drift(reports, DAYS).axes[0].lines if x.get_linewidth() == 1.8)
    assert np.isnan(line.get_ydata()[3])


def test_values_of_different_size_are_drawn_relative_to_themselves():
    report = Report(
        "evaluation of price",
        (
            Finding("metric", "rmse", value=48_000.0, interval=(46_000, 50_400)),
            Finding("metric", "r2", value=0.8, interval=(0.78, 0.82)),
        ),
    )
    figure = plot_report(report)
    assert [list(line.get_xdata()) for line in figure.axes[0].lines][-2:] == [
        [pytest.approx(46 / 48), pytest.approx(1.05)],
        [1.0],
    ]
    assert "48,000 (46,000 to 50,400)" in words_of(svg(figure)) and "relative to the value" in words_of(
        svg(figure)
    )


def test_at_most_ten_rows_and_the_failed_ones_are_among_them():
    many = [Finding("slice", f"s{i}", i != 19, 0.5, 0.1, interval=(0.4, 0.6)) for i in range(20)]
    words = words_of(svg(plot_report(Report("slices", tuple(many)))))
    assert "slice s19" in words and "slice s0" in words and "slice s10" not in words


class Line:
    """A model that is no LightGBM booster."""


class Unsplit:
    def feature_importance(self, importance_type):
        return np.zeros(3)


def refused():
    reference, current = profiles()
    line, unsplit = Package(), Package()
    line.model, unsplit.model = Line(), Unsplit()
    return {
        "the profile has no column 'words'; it has n_words, n_links": lambda: plot_profile(
            reference, current, "words"
        ),
        "post_id is text: its values are not counted": lambda: plot_profile(reference, current, "post_id"),
        "as many of each, and got 2 times, 1 loss": lambda: plot_performance(DAYS[:2], [0.3], 0.3),
        "as many of each, and got 1 reports, 2 times": lambda: plot_drift([Report("drift")], DAYS[:2]),
        "as many of each, and got 2 y, 1 p": lambda: plot_calibration([0, 1], [0.5]),
        "calibration needs labels 0 and 1": lambda: plot_calibration([0, 2], [0.5, 0.5]),
        "calibration needs labels 0 and 1 ": lambda: plot_calibration([0, 1], [0.5, 1.5]),
        "calibration needs labels 0 and 1 and": lambda: plot_calibration([], []),
        "gain is known of LightGBM models only; this model is a Line": lambda: plot_importance(line),
        "the model never split": lambda: plot_importance(unsplit),
    }


@pytest.mark.parametrize("sentence", refused())
def test_what_cannot_be_drawn_is_refused_in_one_sentence(sentence):
    with pytest.raises(RefusedError) as caught:
        refused()[sentence]()
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_no_global_state_is_touched():
    """pyplot is never imported, no setting of matplotlib is changed, and drawing needs no backend."""
    script = (
        "import sys, matplotlib; before = dict(matplotlib.rcParams)\n"
        "from mlsd.plot import plot_calibration, svg\n"
        "svg(plot_calibration([0, 1, 0, 1], [.1, .9, .2, .8]))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "assert dict(matplotlib.rcParams) == before\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_the_importance_of_a_real_model():
    lightgbm = pytest.importorskip("lightgbm")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 3))
    data = lightgbm.Dataset(x, (x[:, 0] > 0).astype(int), params={"verbose": -1})
    package = Package()
    package.model = lightgbm.train({"objective": "binary", "verbose": -1, "num_threads": 1}, data, 5)
    assert plot_importance(package).get_suptitle().startswith("n_links carries ")
    assert plot.plot_importance is plot_importance


# ---- a figure of one's own --------------------------------------------------------------------------


def own(title="Delay eats a perfect model", lines=3, scale="linear"):
    figure, axes = picture(title, x="delay (h)", y="views prevented (share)")
    for i in range(lines):
        axes.plot([0, 1, 2], [1, 0.5, 0.25 + 0.001 * i], label=f"line {i}")
    axes.set_yscale(scale)
    label_ends(axes)
    return figure


def dated():
    figure, axes = picture("Views fall")
    axes.plot(DAYS, np.arange(12)[::-1])
    axes.text(DAYS[3], 3, "black words")
    axes.axhline(2, color="k")
    return figure


def walk():
    figure, axes = picture("A walk", x="step", y="place")
    axes.plot(np.random.default_rng(0).normal(size=30).cumsum() * 1e4)
    return figure


def with_colour_bar():
    figure, axes = picture("A third value", x="size", y="age")
    figure.colorbar(axes.scatter([1, 2, 3], [2, 3, 1], c=[0, 5_000, 10_000]))
    return figure


OWN = {
    "lines": own,
    "a long title": lambda: own("a title of many words " * 6),
    "eight lines that end as one": lambda: own(lines=8),
    "a logarithmic axis": lambda: own(scale="log"),
    "dates": dated,
    "a walk": walk,
    "nothing": lambda: picture("Nothing yet")[0],
}


@pytest.mark.parametrize("make", [*OWN.values(), with_colour_bar], ids=[*OWN, "a colour bar"])
def test_a_figure_of_ones_own_has_the_same_bytes_on_repeat(make):
    figure = make()
    assert svg(figure) == svg(figure) == svg(make())


@pytest.mark.parametrize("name", OWN)
def test_nothing_of_a_figure_of_ones_own_is_cut(name):
    test_nothing_is_cut_and_no_words_lie_on_each_other({name: OWN[name]()})


def test_what_is_drawn_after_the_figure_was_shown_finds_its_place_too():
    """Shown empty, then drawn on: the same as drawn on first."""
    figure, axes = picture("Views fall", x="hour", y="views")
    svg(figure)
    other, axes_of_other = picture("Views fall", x="hour", y="views")
    for a in (axes, axes_of_other):
        a.plot([1, 2], [30_000_000, 10], label="a name that takes room")
        label_ends(a)
    assert svg(figure) == svg(other)
    box = figure.axes[0].texts[0].get_window_extent()
    assert figure.bbox.x0 <= box.x0 and box.x1 <= figure.bbox.x1 + 1


def test_a_figure_of_ones_own_is_in_the_house_style():
    figure = own()
    assert tuple(figure.get_size_inches()) == (6.0, 3.5)
    for name in ("lines", "dates"):
        light, dark = svg(OWN[name]()), svg(OWN[name](), dark=True)
        assert set(re.findall(r"#[0-9a-f]{6}\b", light)) <= {INK, REFERENCE, CURRENT}
        assert not set(re.findall(r"#[0-9a-f]{6}\b", dark)) & {INK, REFERENCE, CURRENT, "#000000"}
        for text in ET.fromstring(dark).iter("{http://www.w3.org/2000/svg}text"):
            assert "fill: #" in text.get("style"), "words without a colour are black: unseen on black"
    styles = [(line.get_color(), line.get_linestyle()) for line in own(lines=6).axes[0].lines]
    assert len(set(styles)) == 6
    assert "delay (h)" in words_of(svg(figure)) and "views prevented (share)" in words_of(svg(figure))


@pytest.mark.parametrize("inverted", [False, True])
def test_lines_are_named_at_their_ends_in_their_colours(inverted):
    figure, axes = picture("Three lines")
    for name, y in (("low", [5, 1]), ("high", [1, 9]), ("middle", [2, 5, np.nan])):
        axes.plot(range(len(y)), y, label=name)
    axes.plot([0, 1], [3, 3])  # without a name
    if inverted:
        axes.invert_yaxis()
    label_ends(axes)
    places = {text.get_text(): text.xy for text in axes.texts}
    assert sorted(places, key=lambda name: places[name][1], reverse=inverted) == ["low", "middle", "high"]
    colours = {line.get_label(): line.get_color() for line in axes.lines}
    assert all(text.get_color() == colours[text.get_text()] for text in axes.texts)
    figure.draw_without_rendering()
    for name, y in (("low", 1), ("middle", 5), ("high", 9)):
        assert places[name][1] == pytest.approx(
            axes.transAxes.inverted().transform(axes.transData.transform((0, y)))[1], abs=1e-6
        )


def test_the_title_of_a_figure_of_ones_own_is_folded():
    figure, _ = picture("a title of many words " * 6)
    assert max(map(len, figure.get_suptitle().splitlines())) <= 62


def test_words_written_by_hand_win_over_those_read_from_the_figure(drawn):
    figure = own()
    assert figure.alt == repr(figure) == alt_text(figure)
    assert figure.alt.startswith("Delay eats a perfect model. A line chart of views prevented (share)")
    figure.alt = "By hand."
    assert figure.alt == repr(figure) == "By hand." and 'aria-label="By hand."' in svg(figure)
    assert all(repr(figure) == figure.alt != alt_text(figure) for figure in drawn.values())
    assert 'aria-label="An empty figure."' in svg(Figure())  # any figure, not only ours
