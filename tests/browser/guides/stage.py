"""Fills the running platform with what the guides show, through its API."""

from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageDraw

from tests.browser.guides import history
from tests.browser.guides.content import Content, Member
from tests.browser.rest import Person
from tests.e2e.conftest import Platform

PASSWORD = "deep-water-2026"
BROKEN = b"%PDF-1.7\nThis file was cut off on its way.\n"


@dataclass(frozen=True, slots=True)
class Stage:
    """What the pictures need to know of it. `bases`: identifier by name."""

    content: Content
    administrator: Person
    bases: dict[str, str]
    reviewed: str

    @property
    def credentials(self) -> dict[str, str]:
        return {"email": self.content.administrator.email, "password": PASSWORD}


def set_stage(platform: Platform, content: Content) -> Stage:
    administrator = _administrator(platform, content)
    for slug, name, parent in content.departments:
        administrator.post("departments", slug=slug, name=name, parent=parent)
    for member in content.members:
        _join(administrator, member)
    for name, department, scopes in content.keys:
        administrator.post("api-keys", name=name, department=department, scopes=scopes)
    _assistants(administrator, content)
    _brand(administrator, *content.brand)
    language = "zh-hans" if content.language == "zh-CN" else "en"
    history.seed(platform, tenant=content.tenant, language=language)
    reviewed = _conversations(platform, content)
    found = administrator.get("knowledge-bases", limit="100")["results"]
    return Stage(content, administrator, {base["name"]: base["id"] for base in found}, reviewed)


def _administrator(platform: Platform, content: Content) -> Person:
    """Of the content's tenant, which is made if it is not the demonstration's."""
    operator = Person(base_url=platform.base_url, **platform.access["admin"])
    first = content.administrator
    if content.tenant_name:
        operator.post(
            "tenants",
            slug=content.tenant,
            name=content.tenant_name,
            admin={"email": first.email, "name": first.name, "password": PASSWORD},
        )
    else:
        _join(operator, first)
    return Person(base_url=platform.base_url, email=first.email, password=PASSWORD)


def _join(administrator: Person, member: Member) -> None:
    administrator.post(
        "members",
        email=member.email,
        name=member.name,
        password=PASSWORD,
        department=member.department,
        role=member.role,
        clearance=member.clearance,
    )


def _assistants(administrator: Person, content: Content) -> None:
    bases = {}
    for base in content.bases:
        made = administrator.post("knowledge-bases", name=base.name, department=base.department)
        bases[base.name] = made["id"]
        administrator.upload_until_ready(
            base=made["id"], files={file.name: file.read_bytes() for file in base.files}
        )
    for assistant in content.assistants:
        administrator.post(
            "assistants",
            slug=assistant.slug,
            department=assistant.department,
            name=assistant.name,
            greeting=assistant.greeting,
            opening_questions=assistant.opening_questions,
            knowledge_bases=[bases[assistant.base]],
        )


def _brand(administrator: Person, department: str, name: str, color: str) -> None:
    administrator.patch(f"departments/{department}", brand_name=name, brand_color=color)
    picture = Image.new("RGB", (160, 160), "white")
    pen = ImageDraw.Draw(picture)
    for row in range(3):
        pen.arc((20, 20 + 38 * row, 140, 100 + 38 * row), 200, 340, fill=color, width=14)
    content = BytesIO()
    picture.save(content, "PNG")
    administrator.put_file(f"departments/{department}/logo", name="logo.png", content=content.getvalue())


def _conversations(platform: Platform, content: Content) -> str:
    """Asked in turn by those who may; returns the one that was held last, which the pictures open."""
    askers = [
        Person(base_url=platform.base_url, email=member.email, password=PASSWORD)
        for member in (content.administrator, *content.members)
        if member.asks
    ]
    usable = {id(asker): {one["slug"] for one in asker.get("assistants")["results"]} for asker in askers}
    reviewed = ""
    for turn, told in enumerate((*content.asked, content.sourced, content.shown)):
        allowed = [asker for asker in askers if told.assistant in usable[id(asker)]]
        asker = allowed[turn % len(allowed)]
        answer = asker.ask(assistant=told.assistant, question=told.question)
        if told.rating:
            asker.rate(
                answer=answer["answer_id"], rating=told.rating, reasons=told.reasons, comment=told.comment
            )
        reviewed = answer["conversation_id"]
    return reviewed
