"""A tenant whose documents are in English: three of the demonstration's, and three of its own."""

from tests.browser.guides.content import DOCUMENTS, PACKS, Assistant, Base, Content, Member, SetUp, Told

_TRAVEL = DOCUMENTS / "Travel and Expenses Policy.md"
_SECURITY = DOCUMENTS / "Information Security Rules.md"
_LEAVE = DOCUMENTS / "Leave and Attendance Rules.md"
_THIRD_PARTIES = PACKS / "finance/documents/third-party-risk-policy.docx"
_GAS = PACKS / "energy/documents/sf6-gas-handling-procedure.pdf"
_RESIDENTS = PACKS / "government/documents/guide-for-foreign-residents.docx"


def _quoted(
    assistant: str, question: str, quote: str, rating: str = "", reason: str = "", comment: str = ""
) -> Told:
    """Answered in the words of the document."""
    sentences = ((quote, quote),) if quote else ()
    reasoning = (
        "The documents say this directly; their words can be quoted." if quote else "No passage speaks of it."
    )
    return Told(assistant, question, sentences, reasoning, rating, (reason,) if reason else (), comment)


_ASKED = (
    _quoted(
        "policies",
        "How often does a critical third party need an on-site assessment?",
        "A critical third party must receive an on-site assessment every 12 months",
        "up",
    ),
    _quoted(
        "policies",
        "How soon must a critical third party tell us about a security incident?",
        "A critical third party must notify the bank within 4 hours of discovering a security incident",
    ),
    _quoted(
        "policies",
        "Which share of outsourcing may go to one group of companies?",
        "No single group of companies may receive more than 15% of the bank's total annual outsourcing expenditure",
        "down",
        "incomplete",
        "It should add who may approve an exception.",
    ),
    _quoted("policies", "What is the longest contract term allowed for a cloud service provider?", ""),
    _quoted(
        "policies",
        "How long must a password be?",
        "Passwords of office systems have at least 12 characters",
        "up",
    ),
    _quoted(
        "policies",
        "How fast do I have to report a lost laptop?",
        "A lost laptop or phone must be reported to the security duty desk within 2 hours",
    ),
    _quoted(
        "policies",
        "On how many days a week may I work from home?",
        "Staff of head office may work from home on up to 2 days a week after their probation",
        "down",
        "outdated",
        "The pilot in the branches has changed this since September.",
    ),
    _quoted("policies", "When is the company bonus paid?", "", "down", "refused", "It is in the pay rules; please add them."),
    _quoted(
        "operations",
        "What is the highest yearly leakage rate allowed for one gas compartment?",
        "The annual leakage rate of any single gas compartment must not exceed 0.5%",
        "up",
    ),
    _quoted(
        "operations",
        "How quickly must a release of more than 10 kg of SF6 be reported?",
        "Report any release of more than 10 kg to the Safety Supervision Department within 1 hour",
    ),
    _quoted("operations", "What do we pay per kilogram of new SF6?", ""),
    _quoted(
        "services",
        "How soon after moving into a flat do I register with the police?",
        "register your address with the local police station within 24 hours of moving in",
    ),
    _quoted(
        "services",
        "How much is a residence permit of two years for an adult?",
        "The fee for a residence permit valid for 1 year to 3 years is CNY 800 per person",
        "up",
    ),
    _quoted("services", "How much does the health check cost?", "The health check for a residence permit costs CNY 420"),
)  # fmt: skip

ENGLISH = Content(
    language="en-US",
    tenant="quyuan-group",
    tenant_name="Quyuan Group",
    administrator=Member("Grace Lin", "grace.lin@quyuan-group.example", "root", "admin", "secret", asks=True),
    departments=(
        ("finance", "Finance", "root"),
        ("treasury", "Treasury", "finance"),
        ("people", "Human Resources", "root"),
        ("operations", "Power Operations", "root"),
        ("substations", "Substations", "operations"),
        ("services", "Public Services", "root"),
    ),
    members=(
        Member(
            "Daniel Chen", "daniel.chen@quyuan-group.example", "finance", "manager", "confidential", asks=True
        ),
        Member("Emma Zhao", "emma.zhao@quyuan-group.example", "treasury"),
        Member("Frank Sun", "frank.sun@quyuan-group.example", "operations", "admin", "confidential"),
        Member("Helen Zhou", "helen.zhou@quyuan-group.example", "substations", asks=True),
        Member("Ivan Wu", "ivan.wu@quyuan-group.example", "substations"),
        Member("Julia Zheng", "julia.zheng@quyuan-group.example", "services", "manager", asks=True),
        Member("Kevin Liu", "kevin.liu@quyuan-group.example", "people"),
    ),
    imported="email,name,department,role,clearance\n"
    "laura.han@quyuan-group.example,Laura Han,finance,member,internal\n"
    "martin.ma@quyuan-group.example,Martin Ma,treasury,member,internal\n"
    "nina.lin@quyuan-group.example,Nina Lin,services,manager,internal\n"
    "emma.zhao@quyuan-group.example,Emma Zhao,finance,member,internal\n"
    "helen.zhou@quyuan-group.example,Helen Zhou,substations,manager,confidential\n",
    keys=(
        ("Intranet search", "root", ("chat", "search")),
        ("Document sync", "operations", ("documents:read", "documents:write")),
        ("Lobby terminals", "services", ("chat",)),
    ),
    bases=(
        Base("Company policies", "finance", (_TRAVEL, _SECURITY, _LEAVE, _THIRD_PARTIES)),
        Base("Operations handbook", "operations", (_GAS,)),
        Base("Resident services", "services", (_RESIDENTS,)),
    ),
    assistants=(
        Assistant(
            "policies",
            "finance",
            "Policy assistant",
            "Company policies",
            "Hello, I answer from the company’s policies: travel and expenses, security, leave, third parties. "
            "Every answer names its source.",
            (
                "Who approves a claim of CNY 12,000, and how soon is it paid?",
                "How fast do I have to report a lost laptop?",
                "On how many days a week may I work from home?",
                "How often does a critical third party need an on-site assessment?",
            ),
        ),
        Assistant(
            "operations",
            "operations",
            "Operations assistant",
            "Operations handbook",
            "Hello, ask me about the handling of SF6 gas.",
            ("What is the highest yearly leakage rate allowed for one gas compartment?",),
        ),
        Assistant(
            "services",
            "services",
            "Resident services assistant",
            "Resident services",
            "Hello, ask me about registration, permits and fees.",
            ("How much is a residence permit of two years for an adult?",),
        ),
    ),
    brand=("operations", "Quyuan Energy · Operations", "#0f5132"),
    asked=_ASKED,
    shown=Told(
        "policies",
        "Who approves a claim of CNY 12,000, and how soon is it paid?",
        (
            (
                "A claim of CNY 12,000 is approved by the head of department, whose limit is CNY 20,000",
                "up to CNY 20,000",
            ),
            (
                "A complete claim is paid within 5 working days",
                "A complete claim is paid within 5 working days",
            ),
        ),
        "The table of approvals gives the line manager up to CNY 5,000 and the head of department up to CNY 20,000. "
        "Section 4.3 says when a claim is paid.",
        "up",
    ),
    sourced=Told(
        "operations",
        "When may staff enter the GIS hall, and what has to be done before?",
        (
            (
                "The floor-level exhaust fans run for **at least 15 minutes** before anyone enters",
                "run them for at least 15 minutes before anyone enters",
            ),
            (
                (
                    "Staff may enter only when the oxygen content is **at least 18%** and the SF6 concentration does not "
                    "exceed 1000 μL/L"
                ),
                "Staff may enter the GIS hall only when the oxygen content is at least 18%",
            ),
        ),
        "Section 2 of the procedure, “Entering the GIS hall”, gives the ventilation time and the limits of the gas.",
    ),
    attached=Told(
        "policies",
        "Which of these hotel bills are above the allowance?",
        (
            ("The bill of Hangzhou is CNY 520 per night", "Hangzhou, two nights at CNY 520"),
            (
                (
                    "The allowance is CNY 450 per night in provincial capitals, so Hangzhou is above it and needs a written "
                    "consent"
                ),
                "The hotel allowance is CNY 450 per night in provincial capitals",
            ),
        ),
        "The attached list has the rates; section 3.1 of the policy has the allowance.",
    ),
    complaint="Please add what happens with claims above CNY 20,000.",
    attachment=(
        "hotel bills.txt",
        (
            "Hotel bills of the audit trip, November 2025.\n\n1. Hangzhou, two nights at CNY 520.\n\n"
            "2. Wuhu, one night at CNY 330.\n\n3. Jinan, two nights at CNY 430.\n"
        ),
    ),
    hit="How long do we have to claim expenses after a trip?",
    found="polic",
    document=("Operations handbook", "sf6", "GIS hall"),
    instructions="Begin with the answer, then name the rule it rests on.\n"
    "Quote amounts, times and percentages as the document writes them.\n"
    "Where two versions of a rule differ, follow the one in force and say that the other is repealed.",
    set_up=SetUp(
        "Quyuan City Bank",
        "Grace Lin",
        "grace@example.org",
        "Administration",
        "Policies",
        "How many days do I have to claim expenses after the end of the trip?",
        _TRAVEL,
        "30 days",
    ),
)
