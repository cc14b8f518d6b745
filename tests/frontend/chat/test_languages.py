import pytest

from frontend.chat.languages import language_of


@pytest.mark.parametrize(
    ("cookie", "accept", "expected"),
    [
        ("", "", "zh-hans"),
        ("", "en-US,en;q=0.9", "en"),
        ("", "fr, en;q=0.5, zh;q=0.8", "zh-hans"),
        ("", "de", "zh-hans"),
        ("", "en;q=nonsense, zh-CN", "zh-hans"),
        ("en", "zh-CN", "en"),
        ("zh-hans", "en", "zh-hans"),
        ("klingon", "en", "en"),
    ],
)
def test_the_cookie_then_the_browser_then_chinese(cookie: str, accept: str, expected: str) -> None:
    cookies = {"karez_language": cookie} if cookie else {}
    assert language_of(cookies=cookies, accept=accept) == expected
