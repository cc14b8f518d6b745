"""Logos as they come in: decoded within bounds and drawn anew, so that nothing of the file but its pixels is kept."""

import io
import warnings

from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

from controlplane.core.problems import InvalidInput, TooLarge, UnsupportedMedia

MOST_BYTES = 200 * 1000
_FORMATS = ("PNG", "JPEG", "WEBP")
# 16 megabytes when decoded; a picture of 200 kB can say that it has gigabytes of pixels.
_MOST_PIXELS = 4_000_000
_MOST_SIDE = 512


def normalised_logo(*, content: bytes) -> bytes:
    """PNG, at most 512 pixels on each side. Raises TooLarge, UnsupportedMedia, InvalidInput."""
    if len(content) > MOST_BYTES:
        raise too_large()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=_FORMATS)
            if image.width * image.height > _MOST_PIXELS:
                raise _too_many_pixels()
            return _redrawn(image)
    except UnidentifiedImageError as error:
        raise UnsupportedMedia(
            code="unsupported_logo",
            field="file",
            detail=_("The logo is no PNG, JPEG or WebP picture."),
            remedy=_("Export it as PNG. SVG is not taken: it can hold programs."),
            supported=list(_FORMATS),
        ) from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise _too_many_pixels() from error
    # Whatever else a decoder raises at a damaged file.
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, MemoryError) as error:
        raise InvalidInput(
            code="corrupt_logo",
            field="file",
            detail=_("The logo is damaged or incomplete."),
            remedy=_("Export it again as PNG."),
        ) from error


def _redrawn(image: Image.Image) -> bytes:
    drawn = ImageOps.exif_transpose(image).convert("RGBA")
    drawn.thumbnail((_MOST_SIDE, _MOST_SIDE))
    clean = Image.new("RGBA", drawn.size)
    clean.paste(drawn)
    buffer = io.BytesIO()
    clean.save(buffer, "PNG")
    return buffer.getvalue()


def too_large() -> TooLarge:
    return TooLarge(
        code="logo_too_large",
        field="file",
        detail=_("The logo is larger than %(limit)s kB.") % {"limit": MOST_BYTES // 1000},
        remedy=_("Make it smaller; 512 pixels on each side are enough."),
        limit=MOST_BYTES,
    )


def _too_many_pixels() -> InvalidInput:
    return InvalidInput(
        code="logo_too_many_pixels",
        field="file",
        detail=_("The logo has more than %(limit)s million pixels.") % {"limit": _MOST_PIXELS // 1_000_000},
        remedy=_("Make it smaller; 512 pixels on each side are enough."),
    )
