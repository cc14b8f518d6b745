// Where the question is written. What is written stays in this tab until it is sent.
import { h, icon, iconButton, kept, t } from "./dom.js";

export class Composer {
  constructor({ files, onSend, onStop }) {
    this.files = files;
    this.onSend = onSend;
    this.onStop = onStop;
    this.busy = false;
    this.area = h("textarea", { id: "question", rows: 1, "aria-label": t("question"), enterkeyhint: "send" });
    this.picker = h("input", { type: "file", multiple: true, class: "offscreen", tabindex: "-1", "aria-hidden": "true" });
    this.attach = iconButton("clip", t("attach"), () => this.picker.click());
    this.sendButton = h("button", { type: "submit", class: "send", "aria-label": t("send"), title: t("send") }, icon("send", 20));
    this.waitNote = h("div", { class: "wait-note", role: "status", hidden: true });
    this.form = h("form", { class: "composer" }, files.element, this.waitNote, h("div", { class: "composer-row" }, this.attach, this.area, this.sendButton), this.picker);
    this.element = h("div", { class: "composer-place" }, this.form, h("p", { class: "hint" }, h("span", { class: "wide" }, t("hint")), h("span", { class: "short" }, t("hint_short"))));
    this.#listen();
  }

  // Which draft is shown: of this person, in this conversation.
  use({ key, name, longest }) {
    this.key = key;
    this.area.placeholder = t("placeholder", { name });
    this.area.maxLength = longest;
    this.area.value = kept.get("sessionStorage", key) ?? "";
    this.#held(null);
    this.fit();
  }

  // The conversation has begun: what is being written belongs to it now.
  move(key) {
    if (this.key) kept.set("sessionStorage", this.key, "");
    this.key = key;
    this.#keep();
  }

  setBusy(busy) {
    this.busy = busy;
    const label = t(busy ? "stop" : "send");
    this.sendButton.classList.toggle("stop", busy);
    this.sendButton.setAttribute("aria-label", label);
    this.sendButton.title = label;
    this.sendButton.replaceChildren(busy ? h("span", { class: "stop-square", "aria-hidden": "true" }) : icon("send", 20));
    this.#enable();
  }

  setEnabled(enabled) {
    this.off = !enabled;
    this.area.disabled = this.attach.disabled = !enabled;
    this.#enable();
  }

  // Back into the box what could not be sent.
  restore(text) {
    if (!this.area.value) this.area.value = text;
    this.#keep();
    this.fit();
  }

  focus() {
    this.area.focus({ preventScroll: true });
  }

  // Files have changed: a question that waited for them goes.
  filesChanged() {
    if (this.waiting && !this.files.working) this.#send(this.waiting);
    this.#enable();
  }

  #listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.busy) this.onStop();
      else this.#submit();
    });
    this.area.addEventListener("keydown", (event) => {
      // The Enter that ends the typing of a Chinese word is no end of the question.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
        event.preventDefault();
        if (!this.busy) this.#submit();
      }
    });
    this.area.addEventListener("input", () => { this.#held(null); this.#keep(); this.fit(); });
    this.area.addEventListener("paste", (event) => {
      if (event.clipboardData.files.length) { event.preventDefault(); this.files.add(event.clipboardData.files); }
    });
    this.picker.addEventListener("change", () => { this.files.add(this.picker.files); this.picker.value = ""; });
  }

  #submit() {
    const text = this.area.value.trim();
    if (!text || this.off) return;
    if (this.files.working) this.#held(text);
    else this.#send(text);
  }

  #held(text) {
    this.waiting = text;
    this.waitNote.hidden = !text;
    if (text) this.waitNote.replaceChildren(h("span", {}, t("file_waiting")), h("button", { type: "button", class: "button small", onclick: () => this.#sendWithout(text) }, t("file_send_now")));
  }

  async #sendWithout(text) {
    this.#held(null);
    await this.files.dropUnready();
    this.#send(text);
  }

  #send(text) {
    this.#held(null);
    this.area.value = "";
    this.#keep();
    this.fit();
    this.onSend(text);
  }

  #keep() {
    if (this.key) kept.set("sessionStorage", this.key, this.area.value);
  }

  #enable() {
    this.sendButton.disabled = this.off || (!this.busy && !this.area.value.trim());
  }

  fit() {
    this.area.style.height = "auto";
    if (this.area.isConnected) this.area.style.height = `${Math.min(this.area.scrollHeight, 220)}px`;
    this.#enable();
  }
}
