"""The first start: the organisation and its administrator, made by whoever can show the installation's own token."""

from django.db import connection, transaction
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import Conflict, Forbidden, fields_named
from controlplane.core.scope import platform_scope
from controlplane.identity.founding import FirstPerson, tenant_found
from controlplane.identity.models import User
from controlplane.identity.services import user_create
from controlplane.tenants.selectors import tenant_list

ACTOR = "system"
_LOCK = 0x6B61_7265_7A01
_TOKEN_LENGTH = 32
_SENT_AS = {name: f"admin.{name}" for name in ("email", "password", "name")}


def setup_token() -> str:
    """Follows from the secret key: whoever can read that, or the log of the first start, may set the platform up."""
    return salted_hmac("karez.setup", "first administrator", algorithm="sha256").hexdigest()[:_TOKEN_LENGTH]


def is_set_up() -> bool:
    """Whether there is any organisation. Once there is one, the token is worth nothing."""
    with platform_scope():
        return tenant_list().exists()


@transaction.atomic
def platform_set_up(*, token: str, name: str, slug: str, admin: FirstPerson) -> User:
    """The first organisation and its administrator, who is the platform's too.

    Raises Forbidden for a wrong token, Conflict when somebody else was first, InvalidInput naming `admin.…`.
    """
    if not constant_time_compare(token, setup_token()):
        raise Forbidden(
            code="wrong_setup_token",
            field="token",
            detail=_("This is not the token of this installation."),
            remedy=_("Open the link that the start has printed, or ask for it: manage.py setup_link"),
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    if is_set_up():
        raise already_set_up()
    with platform_scope():
        with fields_named(**_SENT_AS):
            user = user_create(
                actor=ACTOR,
                email=admin.email,
                password=admin.password,
                name=admin.name,
                is_platform_admin=True,
            )
        tenant_found(actor=ACTOR, slug=slug, name=name, first=FirstPerson(email=admin.email))
    return user


def already_set_up() -> Conflict:
    return Conflict(
        code="already_set_up",
        detail=_("This platform has been set up already."),
        remedy=_("Sign in; further organisations are made by the administrator of the platform."),
    )
