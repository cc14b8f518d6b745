r"""Formulas in Markdown: `$…$`, `\(…\)` in a line, `$$…$$`, `\[…\]` by themselves. The page sets them with KaTeX.

The TeX travels as text of an element: nothing of it is ever markup.
"""

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_LONGEST = 4000
_BLOCK_ENDS = {"$$": "$$", "\\[": "\\]"}


def add_math(md: MarkdownIt) -> None:
    md.inline.ruler.before("escape", "math_inline", _inline)
    md.block.ruler.before("fence", "math_block", _block, {"alt": ["paragraph", "blockquote", "list"]})
    md.add_render_rule("math_inline", _render_inline)
    md.add_render_rule("math_block", _render_block)


def _inline(state: StateInline, silent: bool) -> bool:
    src, pos = state.src, state.pos
    for opening, closing in (("$$", "$$"), ("\\[", "\\]"), ("\\(", "\\)"), ("$", "$")):
        if src.startswith(opening, pos):
            end = _closing(src, pos + len(opening), closing)
            if end < 0:
                continue
            if not silent:
                token = state.push("math_inline", "math", 0)
                token.content = src[pos + len(opening) : end].strip()
                token.meta = {"display": opening in _BLOCK_ENDS}
            state.pos = end + len(closing)
            return True
    return False


def _closing(src: str, start: int, closing: str) -> int:
    """Where the formula ends; -1 when it is none. Sums of money are none: `$5 and $6`."""
    end = src.find(closing, start, start + _LONGEST)
    if end <= start or not src[start:end].strip():
        return -1
    if closing != "$":
        return end
    after = src[end + 1 : end + 2]
    loose = src[start].isspace() or src[end - 1].isspace() or after.isdigit()
    return -1 if loose or "\n\n" in src[start:end] else end


def _block(state: StateBlock, start: int, last: int, silent: bool) -> bool:
    first = _line(state, start).strip()
    opening = first[:2]
    if opening not in _BLOCK_ENDS:
        return False
    closing = _BLOCK_ENDS[opening]
    lines = [first[2:]]
    line = start
    while not lines[-1].rstrip().endswith(closing):
        line += 1
        if line >= last or line - start > 200:
            return False
        lines.append(_line(state, line).strip())
    if silent:
        return True
    content = "\n".join(lines).rstrip().removesuffix(closing).strip()
    token = state.push("math_block", "math", 0)
    token.block = True
    token.content = content[:_LONGEST]
    token.map = [start, line + 1]
    state.line = line + 1
    return True


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _render_inline(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    display = ' data-display="1"' if tokens[index].meta.get("display") else ""
    return f'<span class="math"{display}>{escapeHtml(tokens[index].content)}</span>'


def _render_block(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return f'<div class="math" data-display="1">{escapeHtml(tokens[index].content)}</div>\n'
