// The source of a citation: the passage among its neighbours, and the page it stands on.
import { h, icon, iconButton, KAREZ, t } from "./dom.js";
import { call, directHeaders, isEnded, sessionEnded } from "./gradio.js";
import { passageOf } from "./passage.js";
import { placeOf } from "./places.js";

// A passage is a few hundred characters: where it goes on longer, its pages hold little else.
const MOST_PAGES = 4;

export class SourcePanel {
  constructor() {
    this.onToggle = () => {};
    this.element = h("section", { class: "panel", "aria-label": t("panel"), hidden: true, tabindex: "-1" });
    this.element.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); this.close(); } });
  }

  get isOpen() {
    return !this.element.hidden;
  }

  close() {
    if (!this.isOpen) return;
    const focused = this.element.contains(document.activeElement);
    this.citation = null;
    this.element.hidden = true;
    this.element.parentElement.classList.remove("with-panel");
    this.onToggle();
    if (focused && this.trigger?.isConnected) this.trigger.focus();
  }

  async open(citation, citations, trigger) {
    this.trigger = trigger ?? this.trigger;
    this.citation = citation;
    const at = citations.indexOf(citation);
    const go = (step) => this.open(citations[at + step], citations, null);
    this.place = h("p", {}, placeOf(citation));
    const passages = h("div", { class: "passages", "aria-live": "polite" });
    const page = citation.page ? h("div", { class: "page-place" }) : null;
    this.original = h("a", { class: "button small", href: `${addressOf(citation)}/content`, download: "" }, icon("open", 15), t("panel_open"));
    this.element.replaceChildren(
      h(
        "header",
        { class: "panel-head" },
        h("span", { class: "source-number", "aria-hidden": "true" }, citation.index),
        h("div", { class: "panel-title" }, h("h2", {}, citation.title), this.place),
        iconButton("close", t("close"), () => this.close()),
      ),
      h(
        "div",
        { class: "panel-tools" },
        citations.length > 1 && iconButton("left", t("source", citations[Math.max(0, at - 1)]), () => go(-1), { disabled: at === 0 }),
        citations.length > 1 && h("span", { class: "quiet" }, `${at + 1} / ${citations.length}`),
        citations.length > 1 && iconButton("right", t("source", citations[Math.min(citations.length - 1, at + 1)]), () => go(1), { disabled: at === citations.length - 1 }),
        this.original,
      ),
      h(
        "div",
        { class: "panel-body", tabindex: "0", role: "region", "aria-label": citation.title },
        h("section", {}, h("h3", {}, t("panel_passage")), passages),
        page && h("section", { class: "panel-page" }, h("h3", {}, t("panel_page")), page),
      ),
    );
    this.element.hidden = false;
    this.element.parentElement.classList.add("with-panel");
    this.onToggle();
    this.element.focus({ preventScroll: true });
    await Promise.all([this.#passages(citation, passages), page && this.#page(citation, page)]);
  }

  async #passages(citation, place) {
    place.replaceChildren(h("p", { class: "quiet" }, t("panel_loading")));
    let found = [];
    let problem = null;
    try {
      found = (await call("source", { document: citation.document_id, chunk: citation.chunk_id })).passages;
    } catch (error) {
      problem = error;
    }
    if (this.citation !== citation) return;
    if (!found.some((passage) => passage.cited)) {
      const again = () => this.#passages(citation, place);
      place.replaceChildren(...[citation.quote != null && passageOf(citation.quote, true), this.#missing(problem, citation, again)].filter(Boolean));
      return;
    }
    place.replaceChildren(...found.map((passage) => passageOf(passage.text, passage.cited)));
    this.#goOn(citation, found.find((passage) => passage.cited).page_end);
    const cited = place.querySelector(".cited");
    const body = this.element.querySelector(".panel-body");
    if (cited.offsetTop + cited.offsetHeight > body.clientHeight * 0.6) body.scrollTop = cited.offsetTop - 80;
  }

  // Why the passage is not to be had: it is gone for good, or it is worth another try.
  #missing(problem, citation, again) {
    if (problem && isEnded(problem)) return null;
    if (problem && !isGone(problem.status)) return tryAgain(t("panel_failed"), again);
    this.original.hidden = !!problem;
    return h("p", { class: "quiet" }, t(citation.quote == null ? "panel_gone" : "panel_gone_quote"));
  }

  // To the pages that a passage ends on, where it does not end on the one that it begins on.
  #goOn(citation, last) {
    const section = this.element.querySelector(".panel-page");
    if (!section || !(last > citation.page)) return;
    this.place.textContent = placeOf(citation, last);
    for (const more of section.querySelectorAll(".page-place.next")) more.remove();  // of an earlier try
    for (let number = citation.page + 1; number <= Math.min(last, citation.page + MOST_PAGES - 1); number += 1) {
      const place = h("div", { class: "page-place next" });
      section.append(place);
      this.#page(citation, place, number);
    }
  }

  async #page(citation, place, number = citation.page) {
    place.replaceChildren(h("div", { class: "page-button", role: "status" }, h("span", { class: "spinner", "aria-hidden": "true" }), h("span", { class: "quiet" }, t("panel_page_loading"))));
    const shown = await pageImage(`${addressOf(citation)}/pages/${number}?width=1200&highlight=${encodeURIComponent(citation.chunk_id)}`);
    if (this.citation !== citation) return;
    if (shown.status === 401) sessionEnded("session_expired");
    else if (shown.url) place.replaceChildren(zoomable(shown.url, t("panel_image", { ...citation, page: number })));
    else if (shown.code === "page_not_rendered") place.replaceChildren(h("p", { class: "quiet" }, t("panel_page_none")));
    else if (isGone(shown.status)) (number > citation.page ? place : place.parentElement)?.remove();
    else place.replaceChildren(tryAgain(t("panel_page_failed"), () => this.#page(citation, place, number)));
  }
}

function addressOf(citation) {
  return `${KAREZ.prefix}/api/v1/documents/${encodeURIComponent(citation.document_id)}`;
}

// What is no longer there, or no longer theirs to read.
function isGone(status) {
  return [403, 404, 410].includes(status);
}

function tryAgain(text, again) {
  return h("div", { class: "panel-problem", role: "alert" }, h("p", {}, text), h("button", { type: "button", class: "button small", onclick: again }, icon("again", 15), t("retry")));
}

async function pageImage(address) {
  try {
    const response = await fetch(address, { credentials: "same-origin", headers: directHeaders() });
    if (response.ok) return { url: URL.createObjectURL(await response.blob()) };
    let code = "";
    try { code = (await response.json()).code; } catch { /* a proxy's page */ }
    return { status: response.status, code };
  } catch {
    return { status: 0, code: "network" };
  }
}

function zoomable(url, label) {
  const image = h("img", { class: "page-image", src: url, alt: label });
  const zoom = h("button", { type: "button", class: "page-button loaded", "aria-label": `${t("zoom")}: ${label}`, "aria-pressed": "false" }, image);
  zoom.addEventListener("click", () => zoom.setAttribute("aria-pressed", String(zoom.classList.toggle("large"))));
  image.addEventListener("load", () => URL.revokeObjectURL(url));
  return zoom;
}
