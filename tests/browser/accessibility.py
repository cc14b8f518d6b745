"""WCAG 2.2 AA, as far as axe-core can tell."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

_OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


def violations(page: Page) -> list[str]:
    """One line for each rule that the page breaks, with the first element that breaks it."""
    found = Axe().run(page, options=_OPTIONS).response["violations"]
    return [
        f"{rule['id']} ({len(rule['nodes'])}×): {rule['help']}: {rule['nodes'][0]['html'][:200]}"
        for rule in found
    ]
