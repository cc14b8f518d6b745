from importlib import import_module

from django.apps import AppConfig


class IdentityConfig(AppConfig):
    name = "controlplane.identity"
    label = "identity"

    def ready(self) -> None:
        import_module("controlplane.identity.schema")
