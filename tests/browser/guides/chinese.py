"""The demonstration tenant as it looks after some weeks of use."""

import json
from collections.abc import Iterator
from pathlib import Path

from tests.browser.guides.content import PACKS, Content, Member, SetUp, Told

SHOWN = Told(
    "finance",
    "以住宅和商业用房抵押，抵押率最高分别是多少？抵押物多长时间重估一次？",
    (
        (
            "以住宅抵押的，抵押率最高不超过 70%；以商业用房抵押的，最高不超过 60%",
            "以商业用房抵押的，抵押率最高不超过60%",
        ),
        (
            "住宅抵押物每 12 个月重估一次，商业用房每 6 个月重估一次",
            "住宅抵押物每12个月重估一次，商业用房和工业厂房每6个月重估一次",
        ),
    ),
    "现行的《授信管理办法（2025年修订）》第二十条规定了各类抵押物的抵押率上限，第二十二条规定了重估周期。"
    "2024 年版已经废止，不能引用。",
    "up",
)
SOURCED = Told(
    "finance",
    "客户或者供应商送的礼品，多少钱以上不能收？不能当场拒绝的怎么办？",
    (
        (
            "单次价值**超过 300 元**的礼品不能接受",
            "员工不得接受客户或者供应商单次价值超过300元的礼品",
        ),
        (
            "无法当场拒绝的，应当在 **3 个工作日内**上交合规部门登记",
            "无法当场拒绝的，应在3个工作日内上交合规部门登记",
        ),
    ),
    "手册第六部分“员工行为准则”6.1 规定了礼品的限额和无法拒绝时的处理办法。",
)
ATTACHED = Told(
    "finance",
    "这份清单里的抵押物，哪些要由两家评估机构分别评估？",
    (
        (
            "清单中的厂房评估价值为 1260 万元",
            "厂房一处，评估价值 1260 万元",
        ),
        (
            "抵押物价值 1000 万元以上的，须由准入名单内的两家评估机构分别评估，取较低值，因此厂房需要两家评估",
            "抵押物价值1000万元以上的，须由本行准入名单内的两家评估机构分别评估",
        ),
    ),
    "先看附件里的抵押物及其价值，再对照《授信管理办法》第二十一条的标准。",
)
_RATED = {
    "finance-03": ("up", (), ""),
    "finance-07": ("down", ("incomplete",), "还应当说明对个人客户是否收费。"),
    "finance-09": ("up", (), ""),
    "finance-16": ("down", ("refused",), "《个人住房贷款操作规程》里有车位贷款的规定，请补充到知识库。"),
    "energy-01": ("up", (), ""),
    "energy-04": ("down", ("wrong_source",), "台账已经更新到 10 月，这里引用的是旧表。"),
    "government-02": ("up", (), ""),
    "government-05": ("down", ("wrong", "outdated"), "我们公司 25 人，回答给出的档次不对。"),
}


def _of_the_packs() -> Iterator[Told]:
    """Some of the questions that the packs ask themselves, answered in the words of their documents."""
    for file in sorted(PACKS.glob("*/questions.jsonl")):
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for line in (*lines[:9], lines[15]):
            quotes = line["gold_quote"] if len(line["gold_quote"]) == 1 else []
            if line["lang"] == "zh" and (quotes or not line["answerable"]):
                rating, reasons, comment = _RATED.get(line["id"], ("", (), ""))
                yield Told(
                    file.parent.name,
                    line["question"],
                    tuple((quote, quote) for quote in quotes),
                    "资料中有直接规定，引用原文即可。" if quotes else "资料没有写到这一点。",
                    rating,
                    reasons,
                    comment,
                )


CHINESE = Content(
    language="zh-CN",
    tenant="demo",
    tenant_name="",
    administrator=Member("王建国", "wang.jianguo@quyuan.example", "root", "admin", "secret", asks=True),
    departments=(
        ("credit", "授信管理科", "finance"),
        ("compliance", "合规与反洗钱科", "finance"),
        ("substations", "变电运维班", "energy"),
        ("hall", "政务服务大厅", "government"),
    ),
    members=(
        Member("陈晓敏", "chen.xiaomin@quyuan.example", "finance", "manager", "confidential", asks=True),
        Member("李雷", "li.lei@quyuan.example", "credit"),
        Member("赵静", "zhao.jing@quyuan.example", "compliance", "manager"),
        Member("孙浩", "sun.hao@quyuan.example", "energy", "admin", "confidential"),
        Member("周婷", "zhou.ting@quyuan.example", "substations", asks=True),
        Member("吴伟", "wu.wei@quyuan.example", "substations"),
        Member("郑丽华", "zheng.lihua@quyuan.example", "government", "manager", asks=True),
        Member("刘洋", "liu.yang@quyuan.example", "hall"),
    ),
    imported="邮箱,姓名,部门,角色,密级\n"
    "han.meimei@quyuan.example,韩梅梅,credit,成员,内部\n"
    "ma.chao@quyuan.example,马超,compliance,成员,内部\n"
    "lin.fang@quyuan.example,林芳,hall,知识管理员,内部\n"
    "li.lei@quyuan.example,李雷,compliance,成员,内部\n"
    "zhou.ting@quyuan.example,周婷,substations,知识管理员,机密\n",
    keys=(
        ("信贷系统接入", "credit", ("chat", "search")),
        ("文档同步程序", "energy", ("documents:read", "documents:write")),
        ("大厅自助终端", "hall", ("chat",)),
    ),
    bases=(),
    assistants=(),
    brand=("finance", "渠源银行 · 制度助手", "#8a1c2b"),
    asked=tuple(_of_the_packs()),
    shown=SHOWN,
    sourced=SOURCED,
    attached=ATTACHED,
    complaint="请补充机器设备的抵押率和重估周期。",
    attachment=(
        "抵押物清单.txt",
        (
            "抵押物清单（渠源机电有限公司，2025年11月）。\n\n"
            "一、住宅一套，评估价值 320 万元。\n\n二、厂房一处，评估价值 1260 万元。\n\n三、机器设备一批，评估价值 480 万元。\n"
        ),
    ),
    hit="单一客户的贷款余额最高是多少",
    found="贷款",
    document=("电力生产知识库", "火电机组运行", "机组"),
    instructions="先给出结论，再列出依据的条款。\n金额、期限和比例照原文写，不要换算。\n同一规定有新旧版本时，以现行版本为准，并说明旧版本已废止。",
    set_up=SetUp(
        "渠源城市商业银行",
        "王建国",
        "wang@example.org",
        "综合管理部",
        "规章制度",
        "省会城市住宿费每人每晚不超过多少元？",
        Path("差旅费管理办法.md"),
        "450元",
    ),
)
