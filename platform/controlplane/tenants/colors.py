"""Brand colours that white text can be read on: WCAG 2.2, success criterion 1.4.3."""

from django.utils.translation import gettext_lazy as _

from controlplane.core.problems import InvalidInput

LEAST_CONTRAST = 4.5
_Channels = tuple[int, int, int]


def contrast_with_white(*, color: str) -> float:
    """From 1 to 21, of a colour as `#rrggbb`."""
    return 1.05 / (_luminance(_channels(color)) + 0.05)


def check_brand_color(*, color: str) -> None:
    """Raise InvalidInput, which names the nearest shade that passes, for a colour too light for white text."""
    contrast = contrast_with_white(color=color)
    if contrast < LEAST_CONTRAST:
        nearest = darkened(color=color)
        raise InvalidInput(
            code="brand_color_contrast",
            field="brand_color",
            detail=_("White text on %(color)s has a contrast of %(contrast)s:1; %(least)s:1 is needed.")
            % {"color": color, "contrast": int(contrast * 100) / 100, "least": LEAST_CONTRAST},
            remedy=_("The nearest shade that can be read is %(nearest)s.") % {"nearest": nearest},
            nearest=nearest,
        )


def darkened(*, color: str) -> str:
    """The lightest shade of the colour that passes."""
    channels = _channels(color)
    shades = (_shade(channels, step / 1000) for step in range(1000, -1, -1))
    return next(shade for shade in shades if contrast_with_white(color=shade) >= LEAST_CONTRAST)


def _shade(channels: _Channels, share: float) -> str:
    return "#" + "".join(f"{int(channel * share):02x}" for channel in channels)


def _channels(color: str) -> _Channels:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(channels: _Channels) -> float:
    red, green, blue = (_linear(channel / 255) for channel in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
