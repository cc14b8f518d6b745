"""Markdown of an answer to HTML that may be put into the page as it is.

Answers repeat what stands in documents, so all of it is hostile: no HTML of theirs, no images, no links but http(s) and
the platform's own paths. Tags and attributes come from the rules below alone.
"""

import re
from collections.abc import Collection, Sequence

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

from frontend.markdown.math_marks import add_math

# What would look wrong for a moment, until the rest of it comes: half a mark, half an emphasis.
_UNFINISHED = re.compile(r"(?:\[\d{0,3}|[*_~`$\\]{1,3})$")
# Not what is a link, nor begins to be a definition; another mark may follow at once.
# A mark never begins a line by itself: it stays with the word that it proves. Browsers break before a button whatever
# stands there, so that what joins it (a character of no width) is in one span with it, in which nothing breaks.
_JOINED = '<span class="joined">&#8288;{}</span>'
_MARK = re.compile(r"\[(\d{1,3})\](?![(:]|\[(?!\d{1,3}\]))")
_ALLOWED_LINK = re.compile(r"(?:https?://[^/\s\\]|/(?![/\\]))[^\s\\]*", re.IGNORECASE)


class IncrementalMarkdown:
    """The blocks of a text that grows at its end. What can no longer change is parsed once."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self._settled_blocks = 0
        self._settled_characters = 0

    def update(self, text: str) -> None:
        tail = _presentable(text[self._settled_characters :])
        found = _blocks(tail, known=None)
        self.blocks[self._settled_blocks :] = [html for html, _line in found]
        if len(found) > 1:
            # The last block may still grow; those before it have ended.
            self._settled_blocks += len(found) - 1
            self._settled_characters += _offset(tail, found[-1][1])


def _presentable(tail: str) -> str:
    tail = _UNFINISHED.sub("", tail, count=1)
    last = tail.rpartition("\n\n")[2].lstrip("\n")
    # The head of a table is a line of bars until the line below it is there.
    return tail[: len(tail) - len(last)] if last.startswith("|") and last.count("\n") < 2 else tail


def render(text: str, *, known: Collection[int] | None, cut: bool = False, sources: str = "") -> list[str]:
    """The blocks of a finished text. `[n]` is a mark of the `known` citations; of any number while they are not known.

    A text that was `cut` off shows no half of a table, and no marks of citations that never came. `sources`: the ids of
    the citations on the page without their numbers, which marks then link to; otherwise marks are buttons.
    """
    shown = _presentable(text) if cut else text
    return [html for html, _line in _blocks(shown, known=known, cut=cut, sources=sources)]


def _blocks(
    text: str, *, known: Collection[int] | None, cut: bool = False, sources: str = ""
) -> list[tuple[str, int]]:
    """Each top-level block as HTML, and the line it begins on."""
    tokens = _MARKDOWN.parse(text, env := {"known": known, "cut": cut, "sources": sources})
    found: list[tuple[str, int]] = []
    begin = depth = 0
    for place, token in enumerate(tokens):
        depth += token.nesting
        if depth == 0:
            html = _MARKDOWN.renderer.render(tokens[begin : place + 1], _MARKDOWN.options, env)
            found.append((html, (tokens[begin].map or [0, 0])[0]))
            begin = place + 1
    return found


def _offset(text: str, line: int) -> int:
    position = 0
    for _ in range(line):
        position = text.index("\n", position) + 1
    return position


def _validate(url: str) -> bool:
    return bool(_ALLOWED_LINK.fullmatch(url.strip()))


def _cite(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "[" or not (found := _MARK.match(state.src, state.pos)):
        return False
    known = state.env.get("known")
    is_mark = known is None or int(found[1]) in known
    if not is_mark and not state.env.get("cut"):
        return False
    if is_mark and not silent:
        if state.pending.endswith(" "):
            state.pending = state.pending.rstrip(" ") + "\u00a0"
        state.push("cite", "button", 0).content = str(int(found[1]))
    state.pos = found.end()
    return True


def _render_cite(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, env: EnvType
) -> str:
    number = tokens[index].content
    if env.get("sources"):
        return _JOINED.format(f'<a class="cite" href="#{escapeHtml(env["sources"])}{number}">[{number}]</a>')
    return _JOINED.format(f'<button type="button" class="cite" data-cite="{number}">{number}</button>')


def _drop_empty_links(state: StateCore) -> None:
    """`[x]()` is its text: a link to nowhere opens this very page again."""
    for token in state.tokens:
        kept, drops_next = [], False
        for child in token.children or ():
            if child.type == "link_open" and not child.attrGet("href"):
                drops_next = True
            elif child.type == "link_close" and drops_next:
                drops_next = False
            else:
                kept.append(child)
        if token.children:
            token.children = kept


def _render_link(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    tokens[index].attrSet("target", "_blank")
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return self.renderToken(tokens, index, options, env)


def _render_image(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    """As text: an image would tell its host who reads this, and when."""
    source = str(tokens[index].attrGet("src") or "")
    return f'<span class="image-as-text">{escapeHtml(f"![{tokens[index].content}]({source})")}</span>'


def _render_code(
    _self: RendererHTML, tokens: Sequence[Token], index: int, _options: OptionsDict, _env: EnvType
) -> str:
    language = tokens[index].info.strip().split(" ")[0][:20]
    return (
        f'<div class="code" data-language="{escapeHtml(language)}"><pre tabindex="0"><code>'
        f"{escapeHtml(tokens[index].content)}</code></pre></div>\n"
    )


def _render_table_open(
    _self: RendererHTML, _tokens: Sequence[Token], _index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return '<div class="table" tabindex="0"><table>\n'


def _render_cell(
    self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """The side it stands at by an attribute of its own: the console's policy takes no style within the page."""
    if style := tokens[index].attrs.pop("style", ""):
        tokens[index].attrSet("data-align", str(style).removeprefix("text-align:"))
    return self.renderToken(tokens, index, options, env)


def _render_table_close(
    _self: RendererHTML, _tokens: Sequence[Token], _index: int, _options: OptionsDict, _env: EnvType
) -> str:
    return "</table></div>\n"


def _markdown() -> MarkdownIt:
    md = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    # Definitions would let the end of a text change its beginning.
    md.disable(["reference", "html_block", "html_inline"])
    md.validateLink = _validate  # type: ignore[method-assign]
    add_math(md)
    md.inline.ruler.before("link", "cite", _cite)
    md.core.ruler.push("empty_links", _drop_empty_links)
    md.add_render_rule("cite", _render_cite)
    md.add_render_rule("link_open", _render_link)
    md.add_render_rule("image", _render_image)
    md.add_render_rule("fence", _render_code)
    md.add_render_rule("code_block", _render_code)
    md.add_render_rule("table_open", _render_table_open)
    md.add_render_rule("th_open", _render_cell)
    md.add_render_rule("td_open", _render_cell)
    md.add_render_rule("table_close", _render_table_close)
    return md


_MARKDOWN = _markdown()
# It puts its rules together when it first needs them; threads that came at the same time would find half of them.
_MARKDOWN.parse("*warm*")
