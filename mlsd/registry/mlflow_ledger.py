"""The ledger on an MLflow server: what MLflow has words for in its own, the rest in tags."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pandas as pd

from mlsd.digest import digest_bytes
from mlsd.mlflow_client import experiment_id, one_answer, open_client
from mlsd.package import ModelPackage
from mlsd.plain import from_json, to_json
from mlsd.registry.archive import pack
from mlsd.registry.ledger import Event
from mlsd.registry.version import Version
from mlsd.report import RefusedError

_FILE = "package.zip"
_PAGE = 1000  # things in one answer of the server
_OURS = "mlsd_"  # what our tags begin with; other tags are the user's
_STATE, _FACTS, _EVENT, _RULE = "mlsd_state", "mlsd_facts", "mlsd_event_", "mlsd_rule_"
_IN_FACTS = ("group", "created", "created_by", "package_id", "digest", "approved_by", "metrics", "lineage",
             "against")  # fmt: skip


class MLflowLedger:
    """Models, versions, aliases and users' tags as MLflow's own; state, facts and history as tags.

    Args:
        uri: of the server, or of its SQLite file.
        experiment: under which the artifacts are kept, each with a run of its own.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self.uri = uri
        self._client = open_client(uri)
        with self._asked():
            self._experiment = experiment_id(self._client, uri, experiment)

    def transaction(self) -> AbstractContextManager[None]:
        """Do nothing: MLflow makes each single change whole, and knows no larger step."""
        return nullcontext()

    def rule(self, name: str, value: str | None = None) -> str | None:
        """Return a rule of this registry, a tag of the experiment; a value sets it first."""
        with self._asked():
            if value is not None:
                self._client.set_experiment_tag(self._experiment, _RULE + name, value)
            kept: str | None = self._client.get_experiment(self._experiment).tags.get(_RULE + name)
            return kept

    # ---- versions ---------------------------------------------------------------------------------

    def keep(self, name: str, package: ModelPackage) -> tuple[str, str]:
        """Keep the artifact with a run of its own; return the run and the artifact's digest."""
        data = pack(package.to_files())
        with self._asked(), tempfile.TemporaryDirectory() as folder:
            path = Path(folder, _FILE)
            path.write_bytes(data)
            run = self._client.create_run(self._experiment, run_name=name).info.run_id
            self._client.log_artifact(run, str(path))
            self._client.set_terminated(run)
        return run, digest_bytes(data)

    def add(self, draft: Version, kept: tuple[str, str]) -> int:
        """Write a new version, and the model before it when it is the first."""
        run, archive = kept
        columns = vars(draft) | {"created": draft.created.isoformat()}
        facts = {name: columns[name] for name in _IN_FACTS} | {"archive": archive}
        tags = {_STATE: draft.state, _FACTS: to_json(facts)}
        with self._asked():
            with self._unless("RESOURCE_ALREADY_EXISTS"):
                self._client.create_registered_model(draft.name)
            source = f"{self._client.get_run(run).info.artifact_uri}/{_FILE}"
            made = self._client.create_model_version(draft.name, source, run_id=run, tags=tags)
        return int(made.version)

    def archive(self, version: Version) -> bytes:
        """Return the artifact of a version, its digest verified."""
        found = self._found(version.name, version.number)
        with self._asked(), tempfile.TemporaryDirectory() as folder:
            data = Path(self._client.download_artifacts(found.run_id, _FILE, folder)).read_bytes()
        if digest_bytes(data) != from_json(found.tags[_FACTS])["archive"]:
            raise RefusedError(
                f"the artifact of {version.reference} on {self.uri} was changed; restore it from a copy"
            )
        return data

    def names(self) -> list[str]:
        """Return the names of all models that have a version of ours, sorted."""
        return sorted({version.name for version in self.versions()})

    def find(self, name: str, number: int) -> Version | None:
        """Return a version, or None where there is none of ours (any more)."""
        found = self._found(name, number)
        return None if found is None else _version(found, found.aliases)

    def _found(self, name: str, number: int) -> Any:
        with self._asked():
            with self._unless("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                found = self._client.get_model_version(name, str(number))
                return found if _FACTS in found.tags else None
            return None

    def versions(self, name: str | None = None) -> list[Version]:
        """Return the versions of one model, or of all, by name and number."""
        chosen = None if name is None else f"name = '{name}'"
        with self._asked():
            models = self._pages(self._client.search_registered_models, chosen)
            found = [
                kept
                for kept in self._pages(self._client.search_model_versions, chosen)
                if _FACTS in kept.tags
            ]
        pointing = {model.name: model.aliases for model in models}
        versions = [
            _version(kept, [a for a, n in pointing.get(kept.name, {}).items() if int(n) == int(kept.version)])
            for kept in found
        ]
        return sorted(versions, key=lambda version: (version.name, version.number))

    def _pages(self, search: Any, chosen: str | None) -> list[Any]:
        found: list[Any] = []
        token = None
        while token != "":
            page = search(filter_string=chosen, max_results=_PAGE, page_token=token)
            found += page
            token = page.token or ""
        return found

    def change(self, version: Version, **parts: Any) -> None:
        """Change parts of a version, one tag after the other."""
        name, number = version.name, str(version.number)
        with self._asked():
            tags: dict[str, str] = parts.get("tags", version.tags)
            for tag in version.tags.keys() - tags.keys():
                self._client.delete_model_version_tag(name, number, tag)
            told = {tag: text for tag, text in tags.items() if version.tags.get(tag) != text}
            if "state" in parts:
                told[_STATE] = parts["state"]
            if "approved_by" in parts:
                facts = from_json(self._found(name, version.number).tags[_FACTS])
                told[_FACTS] = to_json(facts | {"approved_by": parts["approved_by"]})
            for tag, text in told.items():
                self._client.set_model_version_tag(name, number, tag, text)

    def remove(self, version: Version) -> None:
        """Delete a version; MLflow keeps its number taken, and its run until `mlflow gc`."""
        run = self._found(version.name, version.number).run_id
        with self._asked():
            self._client.delete_model_version(version.name, str(version.number))
            self._client.delete_run(run)

    # ---- aliases and history ----------------------------------------------------------------------

    def pointed(self, name: str, alias: str) -> int | None:
        """Return the number an alias points to, or None."""
        aliases = getattr(self._model(name), "aliases", {})
        return int(aliases[alias]) if alias in aliases else None

    def aliases(self, name: str) -> list[str]:
        """Return the aliases of a model, sorted."""
        return sorted(getattr(self._model(name), "aliases", {}))

    def point(self, name: str, alias: str, number: int) -> None:
        """Let an alias point to a version."""
        with self._asked():
            self._client.set_registered_model_alias(name, alias, str(number))

    def record(self, name: str, event: Event) -> None:
        """Write a line into the history of a model: a tag that is named after the moment."""
        key = f"{_EVENT}{time.time_ns():020d}.{secrets.token_hex(4)}"
        with self._asked():
            self._client.set_registered_model_tag(name, key, to_json(list(event)))

    def events(self, name: str, *what: str) -> list[Event]:
        """Return the history of a model, oldest first."""
        tags = getattr(self._model(name), "tags", {})
        events = [Event(*from_json(tags[key])) for key in sorted(tags) if key.startswith(_EVENT)]
        return [event for event in events if not what or event.what in what]

    def _model(self, name: str) -> Any:
        with self._asked():
            with self._unless("RESOURCE_DOES_NOT_EXIST"):
                return self._client.get_registered_model(name)
            return None

    # ---- answers ----------------------------------------------------------------------------------

    def _asked(self) -> AbstractContextManager[None]:
        return one_answer(self.uri)

    @contextmanager
    def _unless(self, *codes: str) -> Iterator[None]:
        """Pass over some answers of the server."""
        from mlflow.exceptions import MlflowException

        try:
            yield
        except MlflowException as error:
            if error.error_code not in codes:
                raise


def _version(kept: Any, aliases: list[str]) -> Version:
    facts = from_json(kept.tags[_FACTS])
    parts = {name: facts[name] for name in _IN_FACTS} | {"created": pd.Timestamp(facts["created"])}
    parts |= {name: tuple(facts[name]) for name in ("approved_by", "against")}
    tags = {tag: text for tag, text in kept.tags.items() if not tag.startswith(_OURS)}
    state = kept.tags[_STATE]
    return Version(
        kept.name, int(kept.version), state, **parts, aliases=tuple(sorted(aliases)), tags=dict(tags)
    )
