import pytest

from frontend.chat.theme import DEFAULT, accents, contrast


@pytest.mark.parametrize(
    "color",
    ["#000000", "#ffffff", "#ffff00", "#0f766e", "#b45309", "#ff0000", "#808080", "#2457d6", "#e0f7fa"],
)
def test_every_colour_can_be_read(color: str) -> None:
    for shade, pages in (("light", ["#ffffff", "#f4f6f9"]), ("dark", ["#171b22", "#11141a", "#252b36"])):
        chosen = accents(color)[shade]
        assert contrast(chosen["accent"], chosen["on_accent"]) >= 4.5
        assert all(contrast(chosen["text"], page) >= 4.5 for page in pages)


def test_what_is_no_colour_is_the_products_own() -> None:
    for color in ("", "red", "#12345", "#12345g", "url(x)", "#0f766e;}"):
        assert accents(color) == accents(DEFAULT)


def test_a_readable_colour_stays_the_departments() -> None:
    assert accents("#0f766e")["light"]["accent"] == "#0f766e"
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
