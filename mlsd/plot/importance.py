"""Which features a model gained most from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlsd.plot.canvas import CURRENT, INK, PERCENT, Picture, finish, new_axes
from mlsd.plot.words import MAX_ROWS, name_rows, write
from mlsd.report import RefusedError

if TYPE_CHECKING:
    from mlsd.package import ModelPackage


def plot_importance(package: ModelPackage, *, title: str = "") -> Picture:
    """Draw which features a LightGBM model gained most from, as shares of the whole gain.

    Args:
        package: with a LightGBM model.
        title: the conclusion; by default the first feature's share.

    Raises:
        RefusedError: the model is no LightGBM booster, or never split.
    """
    if not hasattr(package.model, "feature_importance"):
        kind = type(package.model).__name__
        raise RefusedError(f"gain is known of LightGBM models only; this model is a {kind}")
    gain = np.asarray(package.model.feature_importance("gain"), dtype=float)
    if not gain.sum():
        raise RefusedError("the model never split, so no feature gained anything; train it on more rows")
    order = np.argsort(-gain, kind="stable")[:MAX_ROWS]
    shares, names = gain[order] / gain.sum(), [package.features[i] for i in order]
    axes, figure = new_axes("")
    axes.barh(range(len(order)), shares, color=CURRENT, height=0.65)
    name_rows(axes, names)
    for row, share in enumerate(shares):
        write(axes, f"{share:.0%}", (share, row), (3, 0), INK)
    axes.set_xlabel(f"share of the gain (training loss saved), {len(order)} of {len(gain)} features")
    axes.xaxis.set_major_formatter(PERCENT)
    axes.margins(x=0.1)
    words = ", ".join(f"{name} {share:.0%}" for name, share in zip(names, shares, strict=True))
    return finish(
        figure, axes, title or f"{names[0]} carries {shares[0]:.0%} of what the model gained", words
    )
