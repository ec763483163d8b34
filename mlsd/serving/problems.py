"""What a client is told when a request cannot be answered (RFC 9457), without a word of the request."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS = 50  # more would make the answer longer than most requests

# kind: (status, title). The kind ends the problem's `type`; the title never varies, the detail may.
KINDS: dict[str, tuple[int, str]] = {
    "not-json": (400, "The body is not strict JSON"),
    "not-authorised": (401, "The API key is missing or wrong"),
    "not-found": (404, "There is nothing at this address"),
    "no-log": (404, "This server keeps no prediction log"),
    "method-not-allowed": (405, "This address does not take this method"),
    "body-too-slow": (408, "The body did not arrive in time"),
    "conflict": (409, "An id was used before, with other content"),
    "gone": (410, "This version is deprecated"),
    "body-too-large": (413, "The body is too large"),
    "too-many-rows": (413, "The body holds too many rows"),
    "unsupported-media-type": (415, "The body is not sent as JSON"),
    "request-refused": (422, "The request does not have the expected form"),
    "row-refused": (422, "A row does not fit the model's schema"),
    "too-many-requests": (429, "This client asks too often"),
    "internal-error": (500, "The server made a mistake"),
    "not-ready": (503, "No model is ready"),
    "too-slow": (503, "The answer took too long"),
    "not-recorded": (503, "The prediction could not be recorded"),
}


@dataclass(frozen=True)
class FieldError:
    """One thing wrong in a request.

    Args:
        code: one word for machines (`"range"`, `"missing_field"`).
        message: what was expected; never what came.
        field: the column or member concerned; None when the client made the name up.
        row: position in `instances`, from 0; None when it is no row's fault.
    """

    code: str
    message: str
    field: str | None = None
    row: int | None = None


class Problem(Exception):
    """A request that is answered with a problem document instead of a prediction.

    Args:
        kind: a key of `KINDS`, which decides status and title.
        detail: one sentence for people: what was expected, what to do next.
        errors: what exactly is wrong, at most 50 of them are sent.
        headers: further response headers.

    >>> Problem("not-ready", "Publish a version first.").status
    503
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.errors = kind, detail, tuple(errors)
        self.status, self.title = KINDS[kind]
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the problem as plain data."""
        return {
            "type": f"urn:problem-type:mlsd:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "errors": [asdict(error) for error in self.errors[:MAX_ERRORS]],
        }

    def response(self) -> Response:
        """Return the problem as an HTTP response."""
        body = json.dumps(self.document(), ensure_ascii=False).encode()
        return Response(body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def refused(code: str, message: str, field: str | None = None, row: int | None = None) -> Problem:
    """Return the problem of a request with one wrong member."""
    return Problem("request-refused", message, [FieldError(code, message, field, row)])
