"""Signing in with an e-mail address and a password."""

from typing import Any
from uuid import UUID

from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest

from controlplane.core.scope import Scope, scoped
from controlplane.identity.models import User


class EmailBackend(BaseBackend):
    """Opens the one row that the credential names, and no other."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **_: Any
    ) -> User | None:
        if not username or not password:
            return None
        with scoped(Scope(login_email=username)):
            user = User.objects.filter(email=username.lower()).first()
            if user is None:
                User().set_password(
                    password
                )  # as slow as a wrong password: addresses can't be told by timing
                return None
            return user if user.check_password(password) and user.is_active else None

    def get_user(self, user_id: UUID | str) -> User | None:
        with scoped(Scope(user_id=UUID(str(user_id)))):
            return User.objects.filter(pk=user_id, is_active=True).first()
