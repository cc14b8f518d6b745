"""Words of the made-up rows: as long and as varied as those of people, and of no tab, line break or backslash."""

from controlplane.metering.seeding.chance import Chance

DEPARTMENTS = (
    ("credit", "信贷管理部"),
    ("risk", "风险管理部"),
    ("compliance", "合规部"),
    ("retail", "个人金融部"),
    ("corporate", "公司金融部"),
    ("operations", "运营管理部"),
    ("technology", "信息科技部"),
    ("people", "人力资源部"),
    ("finance", "计划财务部"),
    ("audit", "审计部"),
    ("legal", "法律事务部"),
    ("branches", "网点管理部"),
)
TOPICS = ("管理办法", "操作规程", "会议纪要", "培训材料", "常见问题", "检查通报")
SURNAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡林郭何高罗"
_SUBJECTS = (
    "抵押贷款", "流动资金贷款", "信用卡分期", "贸易融资", "反洗钱客户审核", "账户开立", "大额现金支取", "票据贴现",
    "差旅报销", "设备采购", "系统变更", "数据备份", "印章使用", "岗位轮换", "合同审查", "重大事项报告",
)  # fmt: skip
_ASKED = (
    "{}的审批权限是多少？",
    "办理{}需要哪些材料？",
    "{}的期限最长可以多久？",
    "{}超过{}万元由谁批准？",
    "关于{}，今年第{}号文件有什么新规定？",
    "{}的责任部门是哪一个？",
)
_SAID = (
    "根据现行规定，{}由经办部门初审，金额超过{}万元的提交审批委员会集体审议。",
    "办理{}应当提供申请书、有效证件和近{}个月的相关证明，原件核对后留存复印件。",
    "{}的处理期限为{}个工作日，情况复杂的经负责人同意可以延长一次。",
    "各网点每季度对{}进行不少于{}次的自查，发现问题应当在三个工作日内上报。",
    "未按规定办理{}的，按照《员工行为守则》第{}条追究责任。",
)
_SUBJECTS_EN = (
    "business travel", "annual leave", "remote access", "lost devices", "third parties", "small purchases", "contracts",
    "working from home", "visitors", "backups", "incident reports", "expense claims", "training", "archives",
)  # fmt: skip
_ASKED_EN = (
    "Who approves {}?",
    "Which rules apply to {}?",
    "How long are the records of {} kept?",
    "Does rule {1} change anything about {0}?",
    "Whom do I ask about {}?",
    "How soon must {} be reported?",
)
_SAID_EN = (
    "{} is decided by the head of the department within {} working days.",
    "Everything about {} is recorded, and the record is kept for {} months.",
    "The department reviews {} at least {} times a year.",
    "Questions about {} go to the responsible office, extension {}.",
)
_REFUSALS = {
    "zh-hans": "在您可以查阅的文档中没有找到答案。您可以换一种说法，或者联系相关部门确认。",
    "en": "The documents that you may read do not hold the answer. Try other words, or ask the department in charge.",
}


def refusal(chance: Chance) -> str:
    return _REFUSALS[chance.language]


def subject(chance: Chance) -> str:
    return chance.choice(_SUBJECTS_EN if chance.language == "en" else _SUBJECTS)


def question(chance: Chance) -> str:
    asked = chance.choice(_ASKED_EN if chance.language == "en" else _ASKED)
    return asked.format(subject(chance), chance.randrange(1, 900))


def sentences(chance: Chance, count: int) -> str:
    said = _SAID_EN if chance.language == "en" else _SAID
    made = [chance.choice(said).format(subject(chance), chance.randrange(2, 500)) for _ in range(count)]
    return " ".join(one[0].upper() + one[1:] for one in made) if chance.language == "en" else "".join(made)
