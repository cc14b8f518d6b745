import inspect
import re

from frontend.chat import document
from frontend.chat.document import PAGE
from frontend.chat.texts import TEXTS
from frontend.chat.views import REASONS

# Names that scripts put together.
_BUILT = re.compile(r"\bt\(`(\w+)_\$\{")


def test_both_languages_say_the_same_things_with_the_same_values() -> None:
    chinese, english = TEXTS["zh-hans"], TEXTS["en"]
    assert list(chinese) == list(english)
    for name in chinese:
        assert sorted(re.findall(r"\{\w+\}", chinese[name])) == sorted(
            re.findall(r"\{\w+\}", english[name])
        ), name


def test_no_text_is_left_in_the_other_language() -> None:
    assert [name for name, text in TEXTS["zh-hans"].items() if not re.search(r"[一-鿿]", text)] == []
    assert [name for name, text in TEXTS["en"].items() if re.search(r"[一-鿿]", text)] == []


def test_the_page_uses_every_text_and_no_other() -> None:
    scripts = "".join(file.read_text() for file in PAGE.glob("*.js"))
    used = set(re.findall(r'"(\w+)"', scripts)) | set(
        re.findall(r'[=:] ?"(\w+)"', inspect.getsource(document))
    )
    built = set(_BUILT.findall(scripts))
    for name in re.findall(r'\bt\("(\w+)"', scripts):
        assert name in TEXTS["en"], name
    starts = tuple(f"{start}_" for start in built | {"error"})
    assert [name for name in TEXTS["en"] if name not in used and not name.startswith(starts)] == []


def test_each_reason_has_its_text() -> None:
    assert {f"reason_{reason}" for reason in REASONS} <= set(TEXTS["en"])


def test_the_scripts_hold_no_text_of_their_own() -> None:
    for file in PAGE.glob("*.js"):
        found = re.findall(r"[一-鿿]+", file.read_text())
        assert found in ([], ["简体中文"]), file.name
