"""docker-compose.yml as the tests see it: with the variables of .env.example put in."""

from typing import Any

from deploy.compose_file import Interpolation, read_compose, read_env_file
from tests.conftest import ROOT

COMPOSE = ROOT / "docker-compose.yml"


def load(**variables: str) -> dict[str, Any]:
    given = read_env_file(ROOT / ".env.example") | variables
    content: dict[str, Any] = Interpolation(variables=given).tree(read_compose(COMPOSE))
    return content
