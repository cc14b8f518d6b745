"""The conversations that these tests read are held with the served platform."""

from tests.controlplane.api.openai.conftest import bank, embedder, engine, platform, served

__all__ = ["bank", "embedder", "engine", "platform", "served"]
