"""Colours: the department's, made readable. WCAG 2.2 asks for 4.5 : 1 between a text and what is behind it."""

import colorsys
import re

DEFAULT = "#2457d6"
_LIGHT_BACKGROUND = "#f4f6f9"
_DARK_BACKGROUND = "#252b36"
_TEXT_CONTRAST = 4.6


def accents(color: str) -> dict[str, dict[str, str]]:
    """`{"light": {…}, "dark": {…}}`: `accent` behind `on_accent`, and `text` on the page's own background."""
    base = color if re.fullmatch(r"#[0-9a-fA-F]{6}", color) else DEFAULT
    return {
        "light": _of(base, _LIGHT_BACKGROUND, darker=True),
        "dark": _of(base, _DARK_BACKGROUND, darker=False),
    }


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _of(base: str, background: str, *, darker: bool) -> dict[str, str]:
    text = _until_readable(base, background, darker=darker)
    # Buttons keep the department's colour where white or near-black can be read on it.
    accent = base if contrast(base, background) >= 3 else text
    on_accent = max(("#ffffff", "#10141b"), key=lambda ink: contrast(ink, accent))
    if contrast(on_accent, accent) < _TEXT_CONTRAST:
        accent = _until_readable(accent, on_accent, darker=on_accent == "#ffffff")
    return {"accent": accent, "on_accent": on_accent, "text": text}


def _until_readable(color: str, background: str, *, darker: bool) -> str:
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(color))
    step = -0.02 if darker else 0.02
    for _ in range(round(1 / abs(step)) + 1):
        if contrast(color, background) >= _TEXT_CONTRAST:
            break
        lightness = min(1.0, max(0.0, lightness + step))
        color = _hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return color


def _channels(color: str) -> tuple[float, float, float]:
    red, green, blue = (int(color[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def _hex(channels: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)


def _luminance(color: str) -> float:
    red, green, blue = (
        channel / 12.92 if channel <= 0.03928 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in _channels(color)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
