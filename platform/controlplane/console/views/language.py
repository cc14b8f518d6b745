from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST
from django.views.i18n import set_language


@require_POST
def choose(request: HttpRequest) -> HttpResponseBase:
    """`language` and `next`, both checked by Django. Kept in a cookie that the chat reads too."""
    return set_language(request)
