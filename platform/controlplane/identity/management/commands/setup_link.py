from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from controlplane.identity.setup import is_set_up, setup_token


class Command(BaseCommand):
    help = "print the address at which the first administrator sets the platform up"

    def handle(self, *args: Any, **options: Any) -> None:
        if is_set_up():
            self.stdout.write("The platform has been set up already.")
        else:
            self.stdout.write(f"{settings.BASE_URL}/setup/?token={setup_token()}")
