"""Forms whose sending twice must not do a thing twice: a reload, the back button, a double click without scripts."""

from collections.abc import Callable
from typing import TypeVar
from uuid import uuid4

from django import forms
from django.db import transaction

from controlplane.console.forms import ConsoleForm
from controlplane.identity.idempotency import Answer, begin, fingerprint, finish
from controlplane.identity.principal import Principal

T = TypeVar("T")


def new_mark() -> str:
    return uuid4().hex


class OnceForm(ConsoleForm):
    """Carries a mark of its own, made when the page was."""

    once = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput, initial=new_mark)


def done_once(*, principal: Principal, mark: str, path: str, work: Callable[[], T]) -> T | None:
    """What `work` made, or None where the same form was sent before. A refusal is no sending: it can be corrected."""
    with transaction.atomic():
        key = f"form:{mark or new_mark()}"
        begun = begin(principal=principal, key=key, print_=fingerprint(method="POST", path=path, content=()))
        if isinstance(begun, Answer):
            return None
        made = work()
        finish(record=begun, answer=Answer(status=200, body=None))
        return made
