"""What the pictures of the guides show, in one language. Everybody and everything in it is made up."""

from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = Path(__file__).parent / "documents"
PACKS = Path(__file__).parents[3] / "platform/controlplane/assistants/packs"


@dataclass(frozen=True, slots=True)
class Told:
    """A question, and how the scripted engine answers it: sentences, each with what the passage that it rests on says.

    Without sentences the documents don't hold the answer. `rating`: what the asker thinks of it.
    """

    assistant: str
    question: str
    sentences: tuple[tuple[str, str], ...] = ()
    reasoning: str = ""
    rating: str = ""
    reasons: tuple[str, ...] = ()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """`asks`: one of those who hold the conversations that are shown."""

    name: str
    email: str
    department: str
    role: str = "member"
    clearance: str = "internal"
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Base:
    name: str
    department: str
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Assistant:
    slug: str
    department: str
    name: str
    base: str
    greeting: str
    opening_questions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetUp:
    """What is typed on the first day."""

    organisation: str
    name: str
    email: str
    department: str
    base: str
    question: str
    document: Path
    answer: str


@dataclass(frozen=True, slots=True)
class Content:
    """`bases` and `assistants` are made where the tenant doesn't have them. `shown`: what is pictured one by one."""

    language: str
    tenant: str
    tenant_name: str
    administrator: Member
    departments: tuple[tuple[str, str, str], ...]
    members: tuple[Member, ...]
    imported: str
    keys: tuple[tuple[str, str, tuple[str, ...]], ...]
    bases: tuple[Base, ...]
    assistants: tuple[Assistant, ...]
    brand: tuple[str, str, str]
    asked: tuple[Told, ...]
    shown: Told
    sourced: Told
    attached: Told
    complaint: str
    attachment: tuple[str, str]
    hit: str
    found: str
    document: tuple[str, str, str]
    instructions: str
    set_up: SetUp
