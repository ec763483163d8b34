"""MLflow's client, made quiet and impatient: an answer within seconds, or one sentence."""

from __future__ import annotations

import contextlib
import os
import re
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlsd.report import RefusedError

_PATIENCE = 3.0  # seconds until a server has said that it is there
_HABITS = {  # MLflow's own switches, unless somebody set them: by default it tries again for minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # what goes wrong is raised, too
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def open_client(uri: str) -> Any:
    """Return a client of a tracking server or database.

    Sets MLflow's variables for retries, logging and telemetry where nobody has.

    Raises:
        RefusedError: mlflow is not installed, or the server does not answer.
    """
    if uri.startswith(("http://", "https://")):
        _check_answers(uri)
    for name, value in _HABITS.items():
        os.environ.setdefault(name, value)
    try:
        from mlflow import MlflowClient
    except ImportError:
        raise RefusedError("mlflow is not installed; run: pip install 'mlsd[mlflow]'") from None
    with one_answer(uri), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its database layer is told of functions that will go
        return MlflowClient(tracking_uri=uri)


def experiment_id(client: Any, uri: str, name: str) -> str:
    """Return the id of an experiment, made when it is not there, by whichever process comes first."""
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=_beside(uri)))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _beside(uri: str) -> str | None:
    """Return a folder beside a SQLite file, as MLflow would write into the working directory."""
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.removeprefix("sqlite:///")).absolute().parent / "mlartifacts").as_uri()


def _check_answers(uri: str) -> None:
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_PATIENCE):
            return
    except urllib.error.HTTPError:
        return  # it is there, and says so in its own way
    except (OSError, ValueError) as error:
        raise _silent(uri) from error


def _silent(uri: str) -> RefusedError:
    return RefusedError(
        f"the MLflow server at {uri} does not answer; start it with `mlflow server`, or correct the address"
    )


@contextlib.contextmanager
def one_answer(uri: str) -> Iterator[None]:
    """Turn what MLflow raises into one sentence."""
    try:
        yield
    except RefusedError:
        raise
    except Exception as error:  # its own, the database's and the network's kinds are many
        if type(error).__module__.split(".")[0] not in ("mlflow", "sqlalchemy", "requests", "urllib3"):
            raise
        if "API request to" in str(error) and "failed with exception" in str(error):
            raise _silent(uri) from error
        raise RefusedError(f"MLflow at {uri}: {_first_sentence(error)}") from error


def _first_sentence(error: Exception) -> str:
    """Return what the database said, or else the first line."""
    told = re.search(r"^\(\w+\.\w+\) (.+)$", str(error), re.MULTILINE)
    words = told[1] if told else (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"{words[:300]}; choose a place you may write to" if "readonly" in words else words[:300]
