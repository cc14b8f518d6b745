"""The conversations that these tests read are held with the served platform."""

import pytest

from deploy.embedded.testing import Servers
from tests.controlplane.api.openai.conftest import Bank, Served, bank, embedder, engine, platform, served
from tests.controlplane.chat.asker import Asker, make_asker

__all__ = ["bank", "embedder", "engine", "platform", "served"]


@pytest.fixture
def asker(platform: Served, bank: Bank, valkey_server: Servers) -> Asker:
    return make_asker(bank)
