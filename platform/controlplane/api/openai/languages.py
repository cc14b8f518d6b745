"""The language in which a caller is told of errors."""

from django.conf import settings
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header


def language_of(accepted: str) -> str:
    """The first language of an `Accept-Language` header that the platform speaks, else the platform's own."""
    for code, _quality in parse_accept_lang_header(accepted.lower()):
        try:
            return translation.get_supported_language_variant(code)
        except LookupError:
            continue
    return settings.LANGUAGE_CODE
