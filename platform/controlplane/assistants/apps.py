from django.apps import AppConfig


class AssistantsConfig(AppConfig):
    name = "controlplane.assistants"
    label = "assistants"
