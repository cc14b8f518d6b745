import pytest
from django.core.cache import cache

from tests.controlplane.organisations import Organisation, make_organisation


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> None:
    """All tests sign in from one address, and would be throttled for each other."""
    cache.clear()


@pytest.fixture
def organisation(db: None) -> Organisation:
    """In a transaction that is rolled back."""
    return make_organisation()


@pytest.fixture
def other(db: None) -> Organisation:
    return make_organisation()


@pytest.fixture
def committed_organisation(committed: None) -> Organisation:
    """For tests with threads or processes, which see only what is committed."""
    return make_organisation()
