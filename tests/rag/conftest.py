"""A tenant per test, in a transaction that is rolled back."""

import pytest

from tests.rag.library import Library


@pytest.fixture
def library(db: None) -> Library:
    return Library()
