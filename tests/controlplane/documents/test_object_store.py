"""Documents in an S3-compatible store, over real HTTP."""

from collections.abc import Iterator

import boto3
import pytest
from django.conf import settings
from django.test import override_settings
from moto.server import ThreadedMotoServer

from controlplane import settings as installed
from controlplane.core.scope import tenant_scope
from controlplane.documents.models import IndexJob
from controlplane.settings.env import Env
from tests.controlplane.documents.library import API, TEXT, Library

BUCKET = "karez-documents"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    made = boto3.resource(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="an-access-key",
        aws_secret_access_key="its-secret",
        region_name="us-east-1",
    ).create_bucket(Bucket=BUCKET)
    given = {
        "s3_bucket": BUCKET,
        "s3_endpoint_url": endpoint,
        "s3_access_key": "an-access-key",
        "s3_secret_key": "its-secret",
        "s3_region": "us-east-1",
    }
    monkeypatch.setattr(installed, "ENV", Env.model_validate({**settings.ENV.model_dump(), **given}))
    with override_settings(STORAGES={**settings.STORAGES, "documents": installed._document_storage()}):
        yield made
    server.stop()


def test_a_document_lives_and_dies_in_the_store(library: Library, bucket: object) -> None:
    uploaded = library.upload().json()
    again = library.upload()
    assert (again.status_code, again.json()["id"]) == (200, uploaded["id"])
    keys = [one.key for one in bucket.objects.all()]  # type: ignore[attr-defined]
    assert len(keys) == 1
    assert keys[0].startswith(str(library.tenant_id))

    library.work()
    document = library.document(uploaded["id"])
    assert document["status"] == "ready"
    content = library.client.get(f"{API}/documents/{uploaded['id']}/content")
    assert b"".join(content.streaming_content).decode() == TEXT  # type: ignore[attr-defined]

    assert library.client.delete(f"{API}/documents/{uploaded['id']}").status_code == 204
    assert [one.key for one in bucket.objects.all()] == []  # type: ignore[attr-defined]


def test_a_store_that_cannot_be_reached_is_waited_for(
    library: Library, bucket: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded = library.upload().json()
    (key,) = bucket.objects.all()  # type: ignore[attr-defined]
    nobody = installed.ENV.model_copy(update={"s3_endpoint_url": "http://127.0.0.1:9"})
    with monkeypatch.context() as patch:
        patch.setattr(installed, "ENV", nobody)
        with override_settings(STORAGES={**settings.STORAGES, "documents": installed._document_storage()}):
            library.work()
    job = library.client.get(f"{API}/jobs/{uploaded['job']}").json()
    assert (job["status"], job["waiting"]["code"]) == ("queued", "storage_unavailable")
    with tenant_scope(library.tenant_id):
        IndexJob.objects.update(lease_until=None)
    key.delete()
    library.work()
    assert library.document(uploaded["id"])["error"]["code"] == "file_missing"
    assert library.upload().status_code == 202
    library.work()
    assert library.document(uploaded["id"])["status"] == "ready"
