"""How often somebody may try to sign in.

Counted in the shared cache, so over all processes, and by an atomic increment: parallel attempts are all counted.
"""

import hashlib
import time
from typing import TYPE_CHECKING, ClassVar

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from redis import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from controlplane.core.problems import TooMany, Unavailable
from controlplane.identity.principal import Principal

if TYPE_CHECKING:
    from rest_framework.views import APIView

WINDOW_SECONDS = 60


class _Attempts(BaseThrottle):
    """So many attempts in each window of a minute, for each of what `subject` names. Only `method` is an attempt."""

    most: ClassVar[int]
    name: ClassVar[str]
    method: ClassVar[str] = "POST"

    def subject(self, request: Request) -> str | None:
        raise NotImplementedError

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Raises Unavailable when the cache does not answer: guessing must not become free then."""
        subject = self.subject(request) if request.method == self.method else None
        return subject is None or self.admits(subject)

    def admits(self, subject: str) -> bool:
        """Counts the attempt. Raises Unavailable."""
        digest = hashlib.sha256(subject.encode(errors="replace")).hexdigest()
        try:
            return _count(f"sign-in:{self.name}:{int(time.time()) // WINDOW_SECONDS}:{digest}") <= self.most
        except RedisError as error:
            raise Unavailable(
                code="cache_unavailable", detail=_("The cache does not answer."), retry_after=5
            ) from error

    def wait(self) -> float:
        """Seconds until the next window."""
        return WINDOW_SECONDS - time.time() % WINDOW_SECONDS


class SignInByAddress(_Attempts):
    """By network address; behind proxies that KAREZ_TRUSTED_PROXIES names, the address that they saw."""

    most = 30
    name = "address"

    def subject(self, request: Request) -> str | None:
        return self.get_ident(request)


class SignInByEmail(_Attempts):
    """By the e-mail address tried, from wherever."""

    most = 10
    name = "email"

    def subject(self, request: Request) -> str | None:
        email = request.data.get("email") if isinstance(request.data, dict) else None
        return email.strip().lower() if isinstance(email, str) and email.strip() else None


class PasswordByActor(_Attempts):
    """By who is signed in: a session left open is no place to guess the password."""

    most = 10
    name = "actor"

    def subject(self, request: Request) -> str | None:
        return request.auth.actor if isinstance(request.auth, Principal) else None


class ChatTokenByActor(_Attempts):
    """By who is signed in: a token lasts for minutes, and a person has a handful of windows."""

    most = 60
    name = "chat-token"
    method = "GET"

    def subject(self, request: Request) -> str | None:
        return request.auth.actor if isinstance(request.auth, Principal) else None


def sign_in_throttle(*, request: HttpRequest, email: str) -> None:
    """The same limits for a form of the console. Raises TooMany, Unavailable."""
    by_address, by_email = SignInByAddress(), SignInByEmail()
    _admit(by_address, by_address.get_ident(Request(request)))
    _admit(by_email, email.strip().lower())


def password_throttle(*, principal: Principal) -> None:
    """Raises TooMany, Unavailable."""
    _admit(PasswordByActor(), principal.actor)


def _admit(throttle: _Attempts, subject: str) -> None:
    if not throttle.admits(subject):
        raise TooMany(
            code="too_many_attempts",
            detail=_("Too many attempts."),
            remedy=_("Wait a minute, and try again."),
            retry_after=throttle.wait(),
        )


def _count(key: str) -> int:
    """This attempt's number in its window."""
    cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
    try:
        return cache.incr(key)
    except ValueError:  # evicted in between
        return 1
