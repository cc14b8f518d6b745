"""Tables with more columns than a narrow desk has room for."""

from playwright.sync_api import Browser

from tests.conftest import ROOT

CSS = ROOT / "platform/controlplane/console/static/console/css"
TIME = "Nov 30, 2026, 11:00 PM"
RUNNING = (
    '<span class="badge badge--dot">Running</span><progress max="100" value="20"></progress><span>20 %</span>'
)
ROW = (
    '<tr><td class="main"><a class="named"><bdi>a-name-without-any-place-to-break.docx</bdi></a></td>'
    '<td class="work">Other model <span class="nowrap">· version 3</span></td>'
    f'<td><div class="state">{RUNNING}</div></td><td class="number nowrap">0 / 13</td>'
    f'<td class="nowrap">{TIME}</td><td class="nowrap">{TIME}</td>'
    '<td class="actions"><button class="button button--small">Cancel</button></td></tr>'
)


def test_a_running_job_leaves_its_document_a_name(browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1072, "height": 400})
    page = context.new_page()
    styles = "".join(one.read_text(encoding="utf-8") for one in sorted(CSS.glob("*.css")))
    page.set_content(
        f'<!doctype html><style>{styles}</style><div class="table-wrap">'
        f'<table class="table table--stack table--jobs"><tbody>{ROW}</tbody></table></div>'
    )
    name, held, shown = page.evaluate(
        "() => { const wrap = document.querySelector('.table-wrap');"
        " return [document.querySelector('.main').offsetWidth, wrap.scrollWidth, wrap.clientWidth]; }"
    )
    context.close()
    assert name >= 200
    assert held == shown
