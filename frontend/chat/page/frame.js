// What lies around the conversation, and over it: the sidebar and the source, which on a phone cover the page.
import { h, iconButton, kept, narrow, t } from "./dom.js";
import { mountMessages } from "./dialogs.js";

export class Frame {
  constructor({ rail, thread, composer, panel, onNew, takesFiles, onFiles, onEscape }) {
    Object.assign(this, { rail, thread, panel, takesFiles, onFiles, onEscape });
    this.opener = iconButton("sidebar", t("rail_open"), () => this.openRail(), { class: "icon-button rail-open-button", "aria-controls": "rail" });
    this.heading = h("h1", {});
    this.subtitle = h("p", {});
    this.banner = h("div", { class: "banner", role: "alert", hidden: true }, t("offline"));
    this.dropNote = h("div", { class: "drop-note", hidden: true }, t("drop"));
    this.skip = h("a", { class: "skip", href: "#question" }, t("skip"));
    const top = h("header", { class: "top" }, this.opener, h("div", { class: "top-text" }, this.heading, this.subtitle), iconButton("plus", t("new"), onNew, { class: "icon-button top-new" }));
    // The landmark `main` is Gradio's, around the whole page; within it are regions.
    this.stage = h("div", { class: "stage" }, top, this.banner, thread.element, composer.element, this.dropNote);
    this.element = h("div", { class: "karez" }, this.skip, rail.element, h("div", { class: "backdrop", onclick: () => this.closeRail() }), this.stage, panel.element);
    mountMessages(this.element);
    panel.onToggle = () => this.#cover();
    this.#rail(!narrow.matches && kept.get("localStorage", "karez-rail") !== "closed");
    this.#listen();
  }

  openRail() {
    this.#rail(true);
    this.rail.element.querySelector(".rail-close").focus();
  }

  closeRail() {
    this.#rail(false);
    this.opener.focus();
  }

  // Somewhere else is shown from now on: what covered it goes.
  uncover() {
    this.panel.close();
    if (!narrow.matches || !this.#railIsOpen) return;
    this.#rail(false);
    this.thread.focus();
  }

  title(text, under) {
    this.heading.textContent = text;
    this.subtitle.textContent = under;
  }

  get #railIsOpen() {
    return this.element.classList.contains("rail-open");
  }

  #rail(open) {
    this.element.classList.toggle("rail-open", open);
    this.opener.setAttribute("aria-expanded", String(open));
    if (!narrow.matches) kept.set("localStorage", "karez-rail", open ? "" : "closed");
    this.#cover();
  }

  // What is covered can be neither reached nor read aloud.
  #cover() {
    const over = !narrow.matches ? null : this.panel.isOpen ? this.panel.element : this.#railIsOpen ? this.rail.element : null;
    for (const part of [this.skip, this.stage, this.panel.element]) part.inert = !!over && part !== over;
    this.rail.element.inert = !this.#railIsOpen || (!!over && over !== this.rail.element);
  }

  #listen() {
    narrow.addEventListener("change", () => this.#rail(!narrow.matches));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing || event.keyCode === 229 || event.defaultPrevented || document.querySelector("dialog[open], .menu")) return;
      if (this.panel.isOpen) this.panel.close();
      else if (narrow.matches && this.#railIsOpen) this.closeRail();
      else this.onEscape();
    });
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    this.element.addEventListener("dragover", (event) => { if (carries(event)) { event.preventDefault(); this.dropNote.hidden = !this.takesFiles(); } });
    this.element.addEventListener("dragleave", (event) => { if (!this.element.contains(event.relatedTarget)) this.dropNote.hidden = true; });
    this.element.addEventListener("drop", (event) => {
      this.dropNote.hidden = true;
      if (!carries(event)) return;
      event.preventDefault();  // or the browser would leave the page for the file
      if (this.takesFiles()) this.onFiles(event.dataTransfer.files);
    });
  }
}
