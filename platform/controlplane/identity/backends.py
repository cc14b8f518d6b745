"""Signing in with an e-mail address and a password."""

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import check_password, make_password
from django.http import HttpRequest

from controlplane.core.scope import Scope, scoped
from controlplane.identity.models import User


class EmailBackend(BaseBackend):
    """Opens the one row that the credential names, and no other. The slow hash is computed with no row in sight."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        if not username or not password:
            return None
        email = username.strip().lower()
        with scoped(Scope(login_email=email)):
            user = User.objects.filter(email=email).first()
        if user is None:
            make_password(password)  # as slow as a wrong password: addresses can't be told by timing
            return None
        matches = check_password(password, user.password, lambda raw: _hash_anew(user, raw))
        return user if matches and user.is_active else None

    def get_user(self, user_id: UUID | str) -> User | None:
        with scoped(Scope(user_id=UUID(str(user_id)))):
            return User.objects.filter(pk=user_id, is_active=True).first()


def _hash_anew(user: User, password: str) -> None:
    """Django asks for it when the stored hash was made with other parameters than today's."""
    user.password = make_password(password)
    with scoped(Scope(user_id=user.pk)):
        user.save(update_fields=["password"])
