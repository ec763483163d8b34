"""Where alerts go: a log, a file, an address."""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mlsd.monitoring.outbox import Alert
from mlsd.plain import to_json
from mlsd.report import RefusedError
from mlsd.store import append_lines


class LogSink:
    """Write each alert as one line of Python's log: a page as an error, a ticket as a warning.

    Args:
        logger: its name.
    """

    def __init__(self, logger: str = "mlsd_alerts") -> None:
        self._log = logging.getLogger(logger)

    def __repr__(self) -> str:
        return f"LogSink({self._log.name})"

    def send(self, alerts: Sequence[Alert]) -> None:
        """Log alerts; one that closed is information."""
        for alert in alerts:
            level = logging.ERROR if alert.severity == "page" else logging.WARNING
            self._log.log(level if alert.state == "open" else logging.INFO, "%s", alert)


class FileSink:
    """Append each alert to a file, one JSON object a line; `pandas.read_json(path, lines=True)` reads it.

    Lines are written whole and reach the disk before `send` returns; several processes may share a file.

    Args:
        path: of the file; made when the first alert comes.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def __repr__(self) -> str:
        return f"FileSink({self.path.name})"

    def send(self, alerts: Sequence[Alert]) -> None:
        """Append alerts.

        Raises:
            RefusedError: the file cannot be written.
        """
        append_lines(self.path, map(to_json, alerts), durable=True)


class WebhookSink:
    """Post alerts to an address, as JSON: `{"format": 1, "alerts": [...]}`.

    An answer of 200 to 299 within the time means that they were taken. A receiver that is slow may see
    an alert again; code, subject, since and state tell it.

    Args:
        url: http or https; its path may be a secret, so no message shows it.
        timeout: seconds to wait at most, whatever the receiver does.

    Raises:
        RefusedError: no such address, or no such time.
    """

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RefusedError(
                f"url begins with {url[:8]!r}; expected an address such as 'https://host/path'"
            )
        if not 0 < timeout <= 600:
            raise RefusedError(f"timeout is {timeout!r}; expected seconds, more than 0 and up to 600")
        self.url, self.timeout = url, timeout
        self._host, self._try = parts.hostname, threading.Thread()

    def __repr__(self) -> str:
        return f"WebhookSink({self._host})"

    def send(self, alerts: Sequence[Alert]) -> None:
        """Post alerts and wait for the answer.

        Raises:
            RefusedError: they were not taken.
        """
        if self._try.is_alive():
            raise RefusedError("the last try still waits for its answer")
        body = to_json({"format": 1, "alerts": list(alerts)}).encode(errors="replace")
        failed: list[str] = []
        self._try = threading.Thread(target=self._post, args=(body, failed), daemon=True)
        self._try.start()
        self._try.join(self.timeout)  # a socket's own time limit starts anew with each byte
        if self._try.is_alive():
            raise RefusedError(f"no answer within {self.timeout:g} s")
        if failed:
            raise RefusedError(failed[0])

    def _post(self, body: bytes, failed: list[str]) -> None:
        request = urllib.request.Request(
            self.url, body, {"Content-Type": "application/json", "User-Agent": "mlsd"}
        )
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=self.timeout):
                return
        except urllib.error.HTTPError as error:
            failed.append(f"it answered {error.code}")
            error.close()
        except Exception as error:  # of a thread nobody else would see it
            failed.append(f"it cannot be reached ({getattr(error, 'reason', None) or type(error).__name__})")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A post that is led elsewhere would arrive there as an empty question."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None
