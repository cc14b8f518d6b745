"""The platform's errors as RFC 9457 problem documents.

Problem                 carries status, stable code, title; raised by services, turned into a response in one place
├── BadRequest          400  not a request that could be understood
├── InvalidInput        422  a field is wrong; names it and the remedy
├── NotFound            404  also for what exists but is not the caller's to know of
├── Forbidden           403  the caller is known and may not do this
├── Conflict            409
├── TooLarge            413
├── UnsupportedMedia    415
├── TooMany             429  with Retry-After
└── Unavailable         503  with Retry-After
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


def sentences(*parts: Text) -> str:
    """One after the other. Chinese ones stand side by side: their full stop brings its own space."""
    text = ""
    for part in filter(None, map(str, parts)):
        text += part if not text or text.endswith(("。", "！", "？")) else f" {part}"
    return text


class Problem(Exception):
    """An error whose text is for the caller. `code` is part of the API: never change one."""

    status: ClassVar[int] = 500
    title: ClassVar[Text] = _("Something went wrong")

    def __init__(
        self,
        *,
        code: str,
        detail: Text,
        remedy: Text = "",
        field: str = "",
        retry_after: float | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.remedy = remedy
        self.field = field
        self.retry_after = retry_after
        self.extra = extra

    def told(self) -> str:
        """What is wrong and what helps, as one text."""
        return sentences(self.detail, self.remedy)

    def document(self) -> dict[str, Any]:
        """The problem document in the active language."""
        body: dict[str, Any] = {
            "type": f"urn:karez:problem:{self.code}",
            "title": str(self.title),
            "status": self.status,
            "code": self.code,
            "detail": str(self.detail),
        }
        if self.field:
            body["field"] = self.field
        if self.remedy:
            body["remedy"] = str(self.remedy)
        return body | self.extra

    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(max(1, round(self.retry_after)))} if self.retry_after else {}


class BadRequest(Problem):
    status = 400
    title = _("The request cannot be understood")


class InvalidInput(Problem):
    status = 422
    title = _("The request has an invalid field")


class NotFound(Problem):
    status = 404
    title = _("Not found")


class Forbidden(Problem):
    status = 403
    title = _("Not allowed")


class Conflict(Problem):
    status = 409
    title = _("The request conflicts with the present state")


class TooLarge(Problem):
    status = 413
    title = _("Too large")


class UnsupportedMedia(Problem):
    status = 415
    title = _("This kind of file is not supported")


class TooMany(Problem):
    status = 429
    title = _("Too many requests")


class Unavailable(Problem):
    status = 503
    title = _("A part of the platform is not available")


@contextmanager
def fields_named(**names: str) -> Iterator[None]:
    """Problems leave the block with the field's name in the body that was sent: `fields_named(password="admin.password")`."""
    try:
        yield
    except Problem as problem:
        problem.field = names.get(problem.field, problem.field)
        raise


def not_found(*, kind: Text, id: object) -> NotFound:  # noqa: A002
    return NotFound(
        code="not_found",
        detail=_("There is no %(kind)s “%(id)s”.") % {"kind": kind, "id": id},
        remedy=_("Check the identifier; it may have been deleted, or belong to another department."),
    )
