import html.parser
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.markdown.rendering import IncrementalMarkdown, render

_ALLOWED = {
    *(
        "p",
        "br",
        "hr",
        "strong",
        "em",
        "s",
        "code",
        "pre",
        "blockquote",
        "ul",
        "ol",
        "li",
        "a",
        "span",
        "div",
    ),
    *("h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td", "button"),
}
_ATTRIBUTES = {"class", "href", "title", "target", "rel", "start", "type", "tabindex"}


class _Reader(html.parser.HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags_of(text: str) -> list[tuple[str, dict[str, str | None]]]:
    reader = _Reader()
    reader.feed("".join(render(text, known=None)))
    return reader.tags


def assert_harmless(text: str) -> None:
    for tag, attributes in tags_of(text):
        assert tag in _ALLOWED
        for name, value in attributes.items():
            assert name in _ATTRIBUTES or name.startswith("data-"), name
            if name == "href":
                assert re.match(r"https?://|/(?![/\\])", value or ""), value
            if name == "data-align":
                assert value in ("left", "right", "center")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <svg/onload=alert(1)> b",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java&#115;cript:alert(1))",
        "[x](&#x6A;avascript:alert(1))",
        "[x](data:text/html,<script>)",
        "[x](vbscript:x)",
        "[x](//evil.example/a)",
        "[x](/\\evil.example/a)",
        "[x](https:evil.example)",
        '[x](https://a.example "onmouseover=alert(1) \\" x=")',
        "<javascript:alert(1)>",
        "![x](https://evil.example/leak.png)",
        "![x](data:image/svg+xml,<svg onload=alert(1)>)",
        "[![x](https://evil.example/a.png)](https://evil.example)",
        '```"><img src=x>\n<b>\n```',
        "$<img src=x onerror=alert(1)>$",
        "$$\n</div><script>alert(1)</script>\n$$",
        "| <b>a</b> | b |\n|:-|-:|\n| <script> | ![](http://e) |",
        "&lt;script&gt;",
        "[x]: javascript:alert(1)\n\n[x]",
        "[]()",
        "[x]( 't')",
    ],
)
def test_nothing_of_a_text_becomes_markup(text: str) -> None:
    assert_harmless(text)
    tags = [tag for tag, _ in tags_of(text)]
    assert "img" not in tags
    assert "script" not in tags
    assert "svg" not in tags


@given(st.text(alphabet="<>()[]!\"'`*_$\\/:;&#= \n|-1axjs", max_size=120))
def test_no_text_at_all_does(text: str) -> None:
    assert_harmless(text)


def test_images_are_shown_as_text() -> None:
    assert (
        "![标志](https://evil.example/a.png)" in render("![标志](https://evil.example/a.png)", known=None)[0]
    )


def test_a_link_to_nowhere_is_its_text() -> None:
    (shown,) = render("a [**b**]() c [d](https://e.example) [f]()", known=None)
    assert shown.startswith("<p>a <strong>b</strong> c <a ")
    assert shown.endswith(">d</a> f</p>\n")


def test_links_open_elsewhere_and_tell_nothing() -> None:
    (_p, (tag, attributes)) = tags_of("[x](https://example.org/a)")
    assert (tag, attributes["rel"], attributes["target"]) == ("a", "noopener noreferrer nofollow", "_blank")
    assert tags_of("[x](/api/v1/documents/1/content)")[1][1]["href"] == "/api/v1/documents/1/content"


def test_marks_of_citations() -> None:
    mark = '<span class="joined">&#8288;<button type="button" class="cite" data-cite="1">1</button></span>'
    assert render("十天[1]。", known={1}) == [f"<p>十天{mark}。</p>\n"]
    assert render("十天[1]。", known={2}) == ["<p>十天[1]。</p>\n"]
    assert mark in render("十天[1]。", known=None)[0]
    other = mark.replace("1", "2")
    assert render("十天[1][2]。", known={1, 2}) == [f"<p>十天{mark}{other}。</p>\n"]
    assert render("十天[3][2]。", known={1, 2}) == [f"<p>十天[3]{other}。</p>\n"]
    assert mark in render("[1][2](https://e.example)", known=None)[0]
    assert "cite" not in render("[1][x]", known=None)[0]
    assert "cite" not in render("`a[1]` [1](https://e.example) x[1234]", known=None)[0]


def test_marks_link_to_sources_on_the_page() -> None:
    assert render("十天[1]，[2]。", known={1}, sources="m7-") == [
        '<p>十天<span class="joined">&#8288;<a class="cite" href="#m7-1">[1]</a></span>，[2]。</p>\n'
    ]


def test_formulas_are_text_of_an_element() -> None:
    assert render("$a<b$", known=None) == ['<p><span class="math">a&lt;b</span></p>\n']
    assert render("$$\nx^2\n$$", known=None) == ['<div class="math" data-display="1">x^2</div>\n']
    assert render(r"\[x\]", known=None) == ['<div class="math" data-display="1">x</div>\n']
    assert render(r"\(x\) 和 $$y$$", known=None)[0].count('class="math"') == 2


@pytest.mark.parametrize("text", ["$5 和 $6", "价格 $ 5$", "a$b", "$$", "$ $", r"\(", "$$\nx"])
def test_money_is_no_formula(text: str) -> None:
    assert "math" not in "".join(render(text, known=None))


def test_tables_and_code() -> None:
    (table,) = render("| a | b |\n|---|--:|\n| 1 | 2 |", known=None)
    assert table.startswith('<div class="table" tabindex="0"><table>')
    assert '<th data-align="right">b</th>' in table
    assert "style" not in table
    (code,) = render("```python\nx < 1\n```", known=None)
    assert 'data-language="python"' in code
    assert "x &lt; 1" in code


@pytest.mark.parametrize("step", [1, 3, 7])
def test_bit_by_bit_gives_the_same_as_at_once(step: int) -> None:
    text = (
        "# 标题\n\n第一段[1]，**重点**。\n\n- 一\n- 二\n\n  续\n- 三\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
        "> 引文\n> 续\n\n```sh\na\n\nb\n```\n\n$$\nx\n$$\n\n1. x\n2. y\n\n结束"
    )
    growing = IncrementalMarkdown()
    for end in range(step, len(text) + step, step):
        growing.update(text[:end])
    assert growing.blocks == render(text, known=None)


def test_half_of_a_mark_is_not_shown() -> None:
    growing = IncrementalMarkdown()
    growing.update("十天[1")
    assert growing.blocks == ["<p>十天</p>\n"]
    growing.update("十天[1]")
    assert "data-cite" in growing.blocks[0]
    growing.update("十天[1]\n\n| 年限 | 天数 |\n")
    assert len(growing.blocks) == 1


def test_a_long_answer_is_not_read_again_and_again() -> None:
    growing = IncrementalMarkdown()
    text = ""
    for number in range(300):
        text += f"第 {number} 段。\n\n"
        growing.update(text)
    assert len(growing.blocks) == 300
    assert growing._settled_blocks == 299


def test_a_mark_stays_with_the_word_before_it() -> None:
    [block] = render("ten days [1], **at least** [1].", known={1})
    assert 'ten days\u00a0<span class="joined">' in block
    assert '</strong>\u00a0<span class="joined">' in block
