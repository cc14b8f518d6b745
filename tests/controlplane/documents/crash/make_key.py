"""Run as a program in the stack's environment: makes an organisation and prints its tenant and a key of finance."""

import json

import django

django.setup()

from tests.controlplane.organisations import make_organisation  # noqa: E402

organisation = make_organisation()
key = organisation.key(organisation.finance)
print(json.dumps({"tenant": str(organisation.tenant.pk), "key": key.presented}))
