"""Secrets that the platform must be able to use again, such as the key of an engine, as they lie in the database.

They are sealed with a key that is derived from KAREZ_SECRET_KEY, so that a copy of the database alone opens none of them. Who
changes that secret has to enter them anew.
"""

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# Part of what every sealed value depends on: never change it.
_PURPOSE = b"karez sealed values 1"


class SealBroken(ValueError):
    """It was sealed with another secret, or is damaged."""


def seal(text: str) -> str:
    """Text for the database; empty text stays empty. The same text is sealed differently each time."""
    return _fernet(settings.SECRET_KEY).encrypt(text.encode()).decode() if text else ""


def unseal(sealed: str) -> str:
    """What was sealed. Raises SealBroken, whose words tell nothing of it."""
    if not sealed:
        return ""
    try:
        return _fernet(settings.SECRET_KEY).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise SealBroken("it was sealed with another KAREZ_SECRET_KEY, or is damaged") from None


@lru_cache(maxsize=4)
def _fernet(secret: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())
    return Fernet(urlsafe_b64encode(derived))
