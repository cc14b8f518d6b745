"""The registry is tested with real engines over HTTP."""

from tests.controlplane.api.openai.conftest import bank, embedder, engine, platform, served

__all__ = ["bank", "embedder", "engine", "platform", "served"]
