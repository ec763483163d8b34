"""A dashboard over a prediction log: `streamlit run labs/dashboard.py -- mlsd-demo`.

The folder is as `make demo` leaves it. Without Streamlit, `mlsd monitor report` writes the same card as a page.
"""

import sys
from pathlib import Path

import pandas as pd
import streamlit as st

from mlsd.monitoring import performance_by_window
from mlsd.platform import health_report
from mlsd.prediction_log import PredictionLog
from mlsd.registry import Registry
from mlsd.report import RefusedError

ALWAYS = ("1970-01-01T00:00Z", "2200-01-01T00:00Z")
DAY = pd.Timedelta("1D")
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "mlsd-demo")
log_file = folder / "predictions.db"
st.set_page_config(page_title="Health of a model", layout="wide")
if not log_file.is_file() or not (folder / "registry" / "registry.db").is_file():
    st.error(f"{folder} holds no predictions.db or no registry: run make demo, or name another folder")
    st.stop()


@st.cache_data(show_spinner="reading the log")
def rows_of(path: Path, changed: float) -> pd.DataFrame:
    return PredictionLog(path).window(*ALWAYS)  # read again when the file has changed


registry, rows = Registry(folder / "registry"), rows_of(log_file, log_file.stat().st_mtime)
if rows.empty:
    st.info("nothing was predicted yet")
    st.stop()
name = st.sidebar.selectbox("Model", sorted(registry.versions()["name"].unique()))
version = st.sidebar.selectbox("Version", sorted(rows["version"].unique(), reverse=True))
own = rows[rows["version"] == version]
days = sorted(own["at"].dt.floor("D").unique())
last = (
    st.sidebar.select_slider("As of the end of", days, days[-1], "{:%d %B}".format) if days[1:] else days[0]
)
try:
    package, log = registry.load(f"{name}@{version}"), PredictionLog(log_file)
    health = health_report(package, log, version=version, name=name, end=last + DAY)
except RefusedError as refused:
    st.error(str(refused))
    st.stop()

st.html(health._repr_html_())
metric = "accuracy" if package.classes else "rmse"
known = own.assign(label=own["label"].where(own["labelled_at"] < last + DAY))
table = performance_by_window(known[own["at"] < last + DAY], metric=metric).set_index("start")
left, right = st.columns(2)
left.subheader("Predictions a day")
left.bar_chart(table[["rows", "labelled"]], stack=False)
right.subheader(f"{metric} of the labelled rows, with its 95 % interval".capitalize())
right.line_chart(table[["value", "low", "high"]])
