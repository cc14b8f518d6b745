from collections.abc import Iterator

import pytest

from tests.frontend.chat.servers import Servers, running_servers


@pytest.fixture(scope="session")
def shared_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(state_dir=tmp_path_factory.mktemp("chat")) as servers:
        yield servers


@pytest.fixture
def servers(shared_servers: Servers) -> Iterator[Servers]:
    """With a platform that nothing was done to yet."""
    shared_servers.platform.reset()
    yield shared_servers
    shared_servers.platform.reset()
