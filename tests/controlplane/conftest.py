import pytest

from tests.controlplane.organisations import Organisation, make_organisation


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
