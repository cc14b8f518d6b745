"""A department that is opened for questions: all of it, or nothing."""

from uuid import uuid4

import pytest

from controlplane.assistants.opening import department_open
from controlplane.assistants.selectors import knowledge_base_ids
from controlplane.core.problems import Conflict, Forbidden
from controlplane.core.scope import scoped, tenant_scope
from controlplane.documents.models import EmbeddingSpace, KnowledgeBase
from controlplane.identity.selectors import principal_of_user
from controlplane.tenants.models import Department, Role
from tests.controlplane.organisations import Organisation


@pytest.fixture(autouse=True)
def space(organisation: Organisation) -> None:
    """The one of the last time, which serves while the embedding service is down."""
    with tenant_scope(organisation.tenant.pk):
        EmbeddingSpace.objects.create(
            tenant_id=organisation.tenant.pk, model="use-multilingual-v3", version="1", dimension=512
        )


def test_the_department_gets_a_base_and_an_assistant_that_reads_it(organisation: Organisation) -> None:
    admin = organisation.member(organisation.root, Role.ADMIN)
    principal = principal_of_user(user=admin)
    with scoped(principal.scope()):
        opened = department_open(principal=principal, name="调度中心", slug="dispatch", base_name="规程")
    with tenant_scope(organisation.tenant.pk):
        assert opened.department.parent_id == organisation.root.pk
        assert opened.assistant.slug == "dispatch"
        assert knowledge_base_ids(assistant=opened.assistant) == [opened.base.pk]


def test_a_name_that_is_taken_leaves_nothing_behind(organisation: Organisation) -> None:
    principal = principal_of_user(user=organisation.member(organisation.root, Role.ADMIN))
    with scoped(principal.scope()), pytest.raises(Conflict) as caught:
        department_open(principal=principal, name="能源", slug="energy", base_name=uuid4().hex)
    assert caught.value.field == "slug"
    with tenant_scope(organisation.tenant.pk):
        assert Department.objects.count() == 4
        assert KnowledgeBase.objects.count() == 0


def test_only_an_administrator_of_the_whole_organisation(organisation: Organisation) -> None:
    principal = principal_of_user(user=organisation.member(organisation.finance, Role.ADMIN))
    with scoped(principal.scope()), pytest.raises(Forbidden):
        department_open(principal=principal, name="新", slug="new", base_name="x")
    with tenant_scope(organisation.tenant.pk):
        assert Department.objects.count() == 4
