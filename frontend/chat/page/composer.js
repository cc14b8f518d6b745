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
    this.waitText = h("span", { role: "status" });
    this.waitNote = h("div", { class: "wait-note", hidden: true }, this.waitText, h("button", { type: "button", class: "button small", onclick: () => this.#sendWithout() }, t("file_send_now")));
    this.closedNote = h("div", { class: "closed-note", hidden: true });
    this.form = h("form", { class: "composer" }, files.element, this.waitNote, h("div", { class: "composer-row" }, this.attach, this.area, this.sendButton), this.picker);
    this.element = h("div", { class: "composer-place" }, this.closedNote, this.form, h("p", { class: "hint" }, h("span", { class: "wide" }, t("hint")), h("span", { class: "short" }, t("hint_short"))));
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
    this.#close(null);
    this.#enable();
  }

  // It may be written, and not be sent yet.
  hold() {
    this.off = true;
    this.#enable();
  }

  // Nothing can be asked here any more: why, and what can be done instead.
  setClosed(...note) {
    this.setEnabled(false);
    this.#close(note);
  }

  // Back into the box what could not be sent.
  restore(text) {
    const meanwhile = this.area.value;
    this.area.value = meanwhile && meanwhile !== text ? `${text}\n\n${meanwhile}` : text;
    this.#keep();
    this.fit();
  }

  focus() {
    this.area.focus({ preventScroll: true });
  }

  // Files have changed: a question that waited for them goes, or goes on waiting.
  filesChanged() {
    if (this.waiting) this.submit(this.waiting);
    this.#enable();
  }

  // What is in the box, or was chosen. No answer is to look as if it had read a file that it never saw.
  submit(text = this.area.value.trim()) {
    if (!text || this.off || this.busy) return;
    if (this.files.working || this.files.failed) this.#held(text);
    else this.#send(text);
  }

  #listen() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.busy) this.onStop();
      else this.submit();
    });
    this.area.addEventListener("keydown", (event) => {
      // The Enter that ends the typing of a Chinese word is no end of the question.
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
        event.preventDefault();
        this.submit();
      }
    });
    this.area.addEventListener("input", () => { this.#held(null); this.#keep(); this.fit(); });
    this.area.addEventListener("paste", (event) => {
      if (event.clipboardData.files.length) { event.preventDefault(); this.files.add(event.clipboardData.files); }
    });
    this.picker.addEventListener("change", () => { this.files.add(this.picker.files); this.picker.value = ""; });
  }

  #held(text) {
    this.waiting = text;
    this.waitNote.hidden = !text;
    if (!text) return;
    if (!this.area.value) { this.area.value = text; this.#keep(); this.fit(); }
    const says = t(this.files.working ? "file_waiting" : "file_failed_waiting");
    if (this.waitText.textContent !== says) this.waitText.textContent = says;
  }

  async #sendWithout() {
    const text = this.waiting;
    this.#held(null);
    await this.files.dropUnready();
    this.focus();
    this.submit(text);
  }

  #send(text) {
    this.#held(null);
    // A question that was chosen leaves alone what is being written.
    if (this.area.value.trim() === text) this.area.value = "";
    this.#keep();
    this.fit();
    this.onSend(text);
  }

  #close(note) {
    this.closedNote.hidden = !note?.length;
    this.form.hidden = this.element.lastElementChild.hidden = !!note;
    this.closedNote.replaceChildren(...(note ?? []));
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
