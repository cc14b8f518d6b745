"""The demonstration tenant is waited for, as long as there is something to wait for."""

import time
from io import StringIO
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from controlplane.assistants import demo
from controlplane.assistants.demo import Credentials, Indexing, demo_indexing
from controlplane.assistants.management.commands import load_demo
from controlplane.assistants.packs import load_pack
from controlplane.core.scope import tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.failures import failure
from controlplane.documents.models import Blob, Document, DocumentStatus, Version
from controlplane.tenants.models import Department
from tests.controlplane.knowledge import make_base
from tests.controlplane.organisations import Organisation

CORRUPT = failure(code="corrupt_file", params={})


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Indexing]:
    """What the command sees at each look; one more look than there are stages is a wait for nothing."""
    stages: list[Indexing] = []
    monkeypatch.setattr(settings.ENV, "state_dir", tmp_path)
    monkeypatch.setattr(load_demo, "demo_is_suspended", lambda: False)
    monkeypatch.setattr(load_demo, "demo_load", lambda **_: (uuid4(), Credentials(password="p", keys={})))
    monkeypatch.setattr(load_demo, "demo_indexing", lambda **_: stages.pop(0))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return stages


def test_it_ends_when_everything_is_ready(stages: list[Indexing]) -> None:
    stages += [Indexing(ready=n, total=2, failed=()) for n in (0, 0, 1, 2)]
    said = StringIO()
    call_command("load_demo", stdout=said)
    assert said.getvalue() == "".join(f"{n}/2 documents indexed\n" for n in range(3))


def test_it_ends_at_the_first_failure_and_says_why(stages: list[Indexing]) -> None:
    """Though another document is still on its way."""
    stages += [
        Indexing(ready=1, total=3, failed=()),
        Indexing(ready=1, total=3, failed=(("办法.pdf", CORRUPT),)),
    ]
    with pytest.raises(
        CommandError, match=r"办法\.pdf: The file is damaged or incomplete\. \(corrupt_file\)$"
    ):
        call_command("load_demo", stdout=StringIO())
    assert stages == []


def add(department: Department, base: UUID, title: str, sha256: str, status: DocumentStatus) -> None:
    own = {"tenant_id": department.tenant_id}
    document = Document.objects.create(
        **own,
        knowledge_base_id=base,
        department_id=department.pk,
        secrecy=Secrecy.INTERNAL,
        filename=title,
        title=title,
        latest_number=1,
    )
    blob = Blob.objects.create(**own, sha256=sha256, size=1)
    Version.objects.create(
        **own, document=document, number=1, blob=blob, format="txt", status=status, error_code="corrupt_file"
    )


def test_only_documents_of_the_packs_are_waited_for(organisation: Organisation) -> None:
    base = make_base(department=organisation.energy, name="base", texts=())
    ours = load_pack(slug="energy").documents[0]
    with tenant_scope(organisation.tenant.pk):
        add(organisation.energy, base, "ours", demo._sha256(ours), DocumentStatus.FAILED)
        add(organisation.energy, base, "somebody's", "0" * 64, DocumentStatus.FAILED)
        add(organisation.energy, base, "another's", "1" * 64, DocumentStatus.QUEUED)
    now = demo_indexing(tenant_id=organisation.tenant.pk)
    assert (now.ready, now.total, now.finished) == (0, 1, True)
    assert [(title, failed.code) for title, failed in now.failed] == [("ours", "corrupt_file")]
