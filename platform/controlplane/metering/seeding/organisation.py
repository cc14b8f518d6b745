"""The tenant itself: departments, people, keys, knowledge bases and assistants."""

import secrets
from dataclasses import dataclass
from uuid import UUID

from controlplane.assistants.models import Assistant, AssistantKnowledge
from controlplane.core.scope import Scope, platform_scope, scoped, tenant_scope
from controlplane.core.secrecy import Secrecy
from controlplane.documents.models import EmbeddingSpace, KnowledgeBase
from controlplane.identity.models import ApiKey, User
from controlplane.identity.services import user_create
from controlplane.metering.seeding.chance import Chance, Seed
from controlplane.metering.seeding.texts import DEPARTMENTS, SURNAMES, TOPICS
from controlplane.tenants.models import Department, Membership, Role, Tenant
from controlplane.tenants.services import department_create, membership_set, tenant_create

PEOPLE = 2_000
KEYS = 500
BASES_OF_A_DEPARTMENT = 4


@dataclass(frozen=True, slots=True)
class Base:
    id: UUID
    department_id: UUID
    secrecy: int


@dataclass(frozen=True, slots=True)
class Asked:
    """An assistant, with the department that its conversations stand under."""

    id: UUID
    department_id: UUID


@dataclass(frozen=True, slots=True)
class Seeded:
    """What the rows are made for. `password` is that of the administrator, where this run made them."""

    tenant_id: UUID
    space_id: UUID
    bases: tuple[Base, ...]
    assistants: tuple[Asked, ...]
    actors: tuple[str, ...]
    email: str = ""
    password: str = ""


def organisation_make(*, slug: str, seed: Seed) -> Seeded:
    tenant, root = tenant_create(actor="system", slug=slug, name=f"Load test {slug}")
    password = secrets.token_urlsafe(12)
    email = f"admin@{slug}.example"
    with platform_scope():
        admin = user_create(actor="system", email=email, password=password, name="Load test")
    with tenant_scope(tenant.pk):
        membership_set(
            tenant_id=tenant.pk,
            actor="system",
            user_id=admin.pk,
            department=root,
            role=Role.ADMIN,
            clearance=Secrecy.SECRET,
        )
        departments = [
            department_create(tenant_id=tenant.pk, actor="system", slug=key, name=name, parent=root)
            for key, name in DEPARTMENTS
        ]
        _knowledge(tenant, departments)
    with scoped(Scope(tenant_id=tenant.pk, unrestricted=True, platform=True, administers=True)):
        _people(tenant, departments, Chance(seed, "people"), slug)
    return organisation_found(tenant_id=tenant.pk, email=email, password=password)


def organisation_found(*, tenant_id: UUID, email: str = "", password: str = "") -> Seeded:
    """The organisation that is there: for a run that adds to it."""
    with tenant_scope(tenant_id):
        bases = KnowledgeBase.objects.filter(tenant_id=tenant_id).order_by("id")
        people = (
            Membership.objects.filter(tenant_id=tenant_id).order_by("id").values_list("user_id", flat=True)
        )
        keys = ApiKey.objects.filter(tenant_id=tenant_id).order_by("id").values_list("id", flat=True)[:20]
        return Seeded(
            tenant_id=tenant_id,
            space_id=EmbeddingSpace.objects.filter(tenant_id=tenant_id).values_list("id", flat=True)[0],
            bases=tuple(Base(base.pk, base.department_id, base.secrecy) for base in bases),
            assistants=tuple(
                Asked(*row)
                for row in Assistant.objects.filter(tenant_id=tenant_id)
                .order_by("id")
                .values_list("id", "department_id")
            ),
            actors=(*(f"user:{id_}" for id_ in people), *(f"key:{id_}" for id_ in keys)),
            email=email,
            password=password,
        )


def _knowledge(tenant: Tenant, departments: list[Department]) -> None:
    own = {"tenant_id": tenant.pk}
    space = EmbeddingSpace.objects.create(**own, model="use-multilingual-v3", version="seed", dimension=512)
    for department in departments:
        bases = [
            KnowledgeBase.objects.create(
                **own,
                name=f"{department.name}{TOPICS[n]}",
                department=department,
                space=space,
                secrecy=Secrecy.INTERNAL if n else Secrecy.PUBLIC,
            )
            for n in range(BASES_OF_A_DEPARTMENT)
        ]
        assistant = Assistant.objects.create(
            **own, slug=f"{department.slug}-assistant", name=f"{department.name}助手", department=department
        )
        AssistantKnowledge.objects.bulk_create(
            AssistantKnowledge(**own, assistant=assistant, knowledge_base=base) for base in bases
        )


def _people(tenant: Tenant, departments: list[Department], chance: Chance, slug: str) -> None:
    # Nobody signs in as one of these: no password is any of theirs.
    people = [
        User(
            email=f"user-{n:05}@{slug}.example",
            name=f"{chance.choice(SURNAMES)}{chance.choice('伟芳娜敏静秀丽强磊军洋勇艳杰娟涛明超')}",
            password="!",  # noqa: S106 - Django's mark of an unusable one
        )
        for n in range(PEOPLE)
    ]
    User.objects.bulk_create(people, batch_size=500)
    Membership.objects.bulk_create(
        (
            Membership(
                tenant=tenant,
                user=person,
                department=chance.choice(departments),
                role=Role.MANAGER if n % 40 == 0 else Role.MEMBER,
            )
            for n, person in enumerate(people)
        ),
        batch_size=500,
    )
    ApiKey.objects.bulk_create(
        ApiKey(
            tenant=tenant,
            name=f"{chance.choice(TOPICS)}系统 {n}",
            department=chance.choice(departments),
            prefix="kz_seed",
            key_hash=secrets.token_hex(32),  # the hash of no key that anybody has
            scopes=["chat", "search"],
            created_by="system",
        )
        for n in range(KEYS)
    )
