"""Forms whose sending twice must not do a thing twice: a reload, the back button, a double click without scripts."""

from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from controlplane.console.forms import ConsoleForm
from controlplane.identity.idempotency import Answer, begin, fingerprint, finish
from controlplane.identity.principal import Principal

T = TypeVar("T")
_OF_THE_PAGE = frozenset({"once", "csrfmiddlewaretoken"})


def new_mark() -> str:
    return uuid4().hex


class OnceForm(ConsoleForm):
    """Carries a mark of its own, made when the page was."""

    once = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput, initial=new_mark)


def done_once(*, principal: Principal, mark: str, request: HttpRequest, work: Callable[[], T]) -> T | None:
    """What `work` made, or None where the same form was sent before. A refusal is no sending: it can be corrected.

    The same page with other content, after the back button or in a second tab, is another form.
    """
    with transaction.atomic():
        print_ = _print(request)
        key = f"form:{mark or new_mark()}:{print_}"
        begun = begin(principal=principal, key=key, print_=print_)
        if isinstance(begun, Answer):
            return None
        made = work()
        finish(record=begun, answer=Answer(status=200, body=None))
        return made


def _print(request: HttpRequest) -> str:
    """Keyed: a form may hold a password, which a plain hash would let be guessed."""
    content: list[bytes] = []
    for name, values in sorted(request.POST.lists()):
        if name not in _OF_THE_PAGE:
            content += [name.encode(errors="replace"), b"%d" % len(values)]
            content += [value.encode(errors="replace") for value in map(str, values)]
    sent = fingerprint(method="POST", path=request.path, content=content)
    return salted_hmac("karez.once", sent, algorithm="sha256").hexdigest()
