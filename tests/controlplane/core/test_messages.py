"""The catalogue of messages is complete, compiled, and keeps every placeholder."""

import re

import pytest
from babel.messages import Message
from django.utils import translation
from django.utils.translation import gettext

from deploy import messages

PLACEHOLDER = re.compile(r"%\(\w+\)s|%s|\{\w+\}")


@pytest.fixture(scope="module")
def extracted() -> list[Message]:
    return list(messages.extracted())


def test_every_text_of_the_source_is_translated(extracted: list[Message]) -> None:
    known = {m.id for m in messages.stored() if m.id}
    assert [m.id for m in extracted if m.id and m.id not in known] == []
    assert messages.untranslated(messages.stored()) == []


def test_nothing_is_translated_that_no_source_says(extracted: list[Message]) -> None:
    said = {m.id for m in extracted}
    assert [m.id for m in messages.stored() if m.id and m.id not in said] == []


def test_the_compiled_catalogue_is_the_written_one() -> None:
    assert messages.CATALOGUE.with_suffix(".mo").read_bytes() == messages.compiled(messages.stored())


def test_translations_keep_their_placeholders() -> None:
    for message in messages.stored():
        one, *more = message.id if isinstance(message.id, tuple) else (message.id,)
        for form in message.string if isinstance(message.string, tuple) else (message.string,):
            assert sorted(PLACEHOLDER.findall(form)) == sorted(PLACEHOLDER.findall(more[0] if more else one))


@pytest.mark.parametrize("word", ["你", "机构", "徽标", "账户", "嵌入服务"])
def test_one_thing_has_one_name_in_chinese(word: str) -> None:
    """您, 组织, 标志, 账号, 向量服务."""
    said = [str(message.string) for message in messages.stored()]
    assert [text for text in said if word in text] == []


@pytest.mark.parametrize(("language", "text"), [("zh-hans", "未找到"), ("en", "Not found")])
def test_django_finds_it(language: str, text: str) -> None:
    with translation.override(language):
        assert gettext("Not found") == text
