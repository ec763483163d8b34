"""The start of lab 00: what Mira hands over, one notebook and one table."""

from pathlib import Path

from mlsd.datasets import Fault, make_spam_posts
from mlsd.plain import to_json

CELLS = [
    "import pandas as pd\ndf = pd.read_csv('posts.csv')",
    "df = df.dropna()   # TODO why are there gaps?",
    "X = pd.get_dummies(df.drop(columns=['is_spam', 'post_id', 'posted_at', 'labelled_at']))",
    "from lightgbm import LGBMClassifier\nm = LGBMClassifier().fit(X, df.is_spam)",
    "m.score(X, df.is_spam)   # 1.0!!! ship it",
    "m.booster_.save_model('model_final_v2_REALLY.txt')   # copied to the server by hand, every Friday or so",
]


def start(folder: Path) -> None:
    """Write Mira's hand-over into an empty folder."""
    gaps = Fault("nulls", column="account_age_days", start=0.4, end=0.6, fraction=0.3)
    posts = make_spam_posts(2_000, days=14, random_state=2, faults=[gaps]).frame
    posts.to_csv(folder / "posts.csv", index=False, lineterminator="\n")
    cells = [
        {
            "cell_type": "code",
            "id": f"mira-{k}",
            "metadata": {},
            "source": source,
            "outputs": [],
            "execution_count": k,
        }
        for k, source in zip([3, 9, 11, 2, 14, 7], CELLS, strict=True)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / "mira.ipynb").write_text(to_json(notebook, indent=1) + "\n", encoding="utf-8", newline="\n")
