// The source of a citation: the passage among its neighbours, and the page it stands on.
import { h, icon, iconButton, KAREZ, t } from "./dom.js";
import { call } from "./gradio.js";

export class SourcePanel {
  constructor() {
    this.element = h("section", { class: "panel", "aria-label": t("panel"), hidden: true, tabindex: "-1" });
    this.element.addEventListener("keydown", (event) => { if (event.key === "Escape") { event.stopPropagation(); this.close(); } });
  }

  get isOpen() {
    return !this.element.hidden;
  }

  close() {
    if (!this.isOpen) return;
    this.element.hidden = true;
    this.element.parentElement.classList.remove("with-panel");
    if (this.trigger?.isConnected) this.trigger.focus();
  }

  async open(citation, citations, trigger) {
    this.trigger = trigger ?? this.trigger;
    this.citation = citation;
    const at = citations.indexOf(citation);
    const go = (step) => this.open(citations[at + step], citations, null);
    const passages = h("div", { class: "passages" }, h("p", { class: "quiet" }, t("panel_loading")));
    const place = [citation.page ? t("page", citation) : "", citation.section].filter(Boolean).join(" · ");
    const address = `${KAREZ.prefix}/api/v1/documents/${encodeURIComponent(citation.document_id)}`;
    this.element.replaceChildren(
      h(
        "header",
        { class: "panel-head" },
        h("span", { class: "source-number", "aria-hidden": "true" }, citation.index),
        h("div", { class: "panel-title" }, h("h2", {}, citation.title), place && h("p", {}, place)),
        iconButton("close", t("close"), () => this.close()),
      ),
      h(
        "div",
        { class: "panel-tools" },
        citations.length > 1 && iconButton("left", t("source", citations[Math.max(0, at - 1)]), () => go(-1), { disabled: at === 0 }),
        citations.length > 1 && h("span", { class: "quiet" }, `${at + 1} / ${citations.length}`),
        citations.length > 1 && iconButton("right", t("source", citations[Math.min(citations.length - 1, at + 1)]), () => go(1), { disabled: at === citations.length - 1 }),
        h("a", { class: "button small", href: `${address}/content`, download: "" }, icon("open", 15), t("panel_open")),
      ),
      h("div", { class: "panel-body", tabindex: "0", role: "region", "aria-label": citation.title }, h("section", {}, h("h3", {}, t("panel_passage")), passages), citation.page && this.#page(citation, address)),
    );
    this.element.hidden = false;
    this.element.parentElement.classList.add("with-panel");
    this.element.focus({ preventScroll: true });
    await this.#load(citation, passages);
  }

  async #load(citation, passages) {
    let found = [];
    try {
      found = (await call("source", { document: citation.document_id, chunk: citation.chunk_id })).passages;
    } catch { /* the quote is still there, or the passage is gone */ }
    if (this.citation !== citation) return;
    if (!found.some((passage) => passage.cited)) {
      const text = citation.quote == null ? h("p", { class: "quiet" }, t("panel_gone")) : h("p", { class: "passage" }, h("mark", {}, citation.quote));
      passages.replaceChildren(text);
      return;
    }
    passages.replaceChildren(...found.map((passage) => h("p", { class: passage.cited ? "passage cited" : "passage" }, passage.cited ? h("mark", {}, passage.text) : passage.text)));
    const cited = passages.querySelector(".cited");
    const body = this.element.querySelector(".panel-body");
    if (cited.offsetTop + cited.offsetHeight > body.clientHeight * 0.6) body.scrollTop = cited.offsetTop - 80;
  }

  #page(citation, address) {
    const label = t("panel_image", citation);
    const image = h("img", { class: "page-image", src: `${address}/pages/${citation.page}?width=1200&highlight=${encodeURIComponent(citation.chunk_id)}`, alt: label });
    const zoom = h("button", { type: "button", class: "page-button", "aria-label": `${t("zoom")}: ${label}`, "aria-pressed": "false" }, image);
    zoom.addEventListener("click", () => zoom.setAttribute("aria-pressed", String(zoom.classList.toggle("large"))));
    const section = h("section", { class: "panel-page" }, h("h3", {}, t("panel_page")), zoom);
    image.addEventListener("load", () => zoom.classList.add("loaded"));
    image.addEventListener("error", () => zoom.replaceWith(h("p", { class: "quiet" }, t("panel_page_none"))));
    return section;
  }
}
