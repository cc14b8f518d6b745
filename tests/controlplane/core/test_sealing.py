"""Secrets as they lie in the database."""

import pytest
from django.conf import LazySettings

from controlplane.core.sealing import SealBroken, seal, unseal


def test_what_is_sealed_is_read_again_and_shows_nothing() -> None:
    sealed = seal("sk-secret-密")
    assert unseal(sealed) == "sk-secret-密"
    assert "secret" not in sealed
    assert seal("sk-secret-密") != sealed
    assert (seal(""), unseal("")) == ("", "")


def test_another_secret_opens_nothing(settings: LazySettings) -> None:
    sealed = seal("sk-secret")
    settings.SECRET_KEY = "another secret of more than thirty-two characters"
    with pytest.raises(SealBroken) as error:
        unseal(sealed)
    assert "sk-secret" not in str(error.value)


@pytest.mark.parametrize("damaged", ["x", "sk-secret", "gAAAAA==", "é"])
def test_what_is_damaged_is_refused(damaged: str) -> None:
    with pytest.raises(SealBroken):
        unseal(damaged)
