// Files of a conversation. They go from here to the platform, and never through Gradio.
import { arrange, h, icon, iconButton, KAREZ, sentences, t } from "./dom.js";
import { call, directHeaders, isEnded, sessionEnded } from "./gradio.js";
import { tell } from "./problems.js";

const POLL_MS = 1500;
// What is being made of a file; all else but `ready` is a file that no answer will see.
const WORKING = ["uploading", "queued", "parsing", "embedding"];

export class Files {
  constructor({ conversation, onChange, onLeft }) {
    this.conversation = conversation; // gives its id, and begins one where there is none
    this.onChange = onChange;
    this.onLeft = onLeft; // the last one was removed by its button, which had the focus
    this.rows = [];
    this.gone = new Set();
    this.shown = new WeakMap();
    this.element = h("ul", { class: "files", "aria-label": t("files"), hidden: true });
  }

  get working() {
    return this.rows.some((row) => WORKING.includes(row.status));
  }

  get failed() {
    return this.rows.some((row) => isLost(row));
  }

  // Another conversation, or the same one again.
  show(id, rows) {
    clearTimeout(this.timer);
    this.id = id;
    this.rows = [...rows].reverse();
    this.#draw();
    if (this.working) this.#pollSoon();
  }

  async add(list) {
    const added = [...list].map((file) => [file, { name: file.name, status: "uploading", progress: 0, error: "" }]);
    if (!added.length) return;
    // Shown at once: a question that is sent now waits for them.
    this.rows.push(...added.map(([, row]) => row));
    this.#draw();
    let id;
    try {
      id = await this.conversation();
    } catch (error) {
      this.rows = this.rows.filter((row) => !added.some(([, own]) => own === row));
      this.#draw();
      tell(error);
      return;
    }
    this.id = id;
    await Promise.all(added.map(([file, row]) => this.#upload(id, file, row)));
  }

  // Those that are not ready go: the question does not wait for them.
  dropUnready() {
    return Promise.all(this.rows.filter((row) => row.status !== "ready").map((row) => this.#remove(row)));
  }

  #upload(id, file, row) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      row.request = request;
      request.open("POST", `${KAREZ.prefix}/api/v1/conversations/${encodeURIComponent(id)}/files`);
      request.setRequestHeader("X-CSRFToken", csrfToken());
      for (const [name, value] of Object.entries(directHeaders())) request.setRequestHeader(name, value);
      request.upload.onprogress = (event) => { row.progress = event.total ? event.loaded / event.total : 0; this.#draw(); };
      request.onloadend = () => {
        delete row.request;
        this.#uploaded(id, row, request);
        resolve();
      };
      const form = new FormData();
      form.append("file", file, file.name);
      request.send(form);
    });
  }

  #uploaded(id, row, request) {
    let body = {};
    try { body = JSON.parse(request.responseText); } catch { /* a proxy's page, or nothing */ }
    if (request.status >= 200 && request.status < 300) {
      Object.assign(row, { id: body.id, status: body.status ?? "queued", progress: body.progress ?? 0 });
      this.#pollSoon();
    } else {
      row.status = "failed";
      row.error = body.detail ? sentences(body.detail, body.remedy) : { 413: t("file_too_large"), 415: t("file_unsupported") }[request.status] ?? t("file_upload_failed");
      if (request.status === 401) sessionEnded("session_expired");
      // Whether it is the session that has changed is for a call of the page to say, in the words of all others.
      else if ([403, 404].includes(request.status)) call("files", { conversation: id }).catch(() => {});
    }
    if (this.id === id) this.#draw();
  }

  #pollSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#poll(), POLL_MS);
  }

  async #poll() {
    const id = this.id;
    try {
      const { files } = await call("files", { conversation: id });
      if (this.id !== id) return;
      const known = new Map(this.rows.map((row) => [row.id, row]));
      const local = this.rows.filter((row) => !row.id);
      const stored = files.reverse().filter((file) => !this.gone.has(file.id));
      this.rows = [...stored.map((file) => Object.assign(known.get(file.id) ?? {}, file)), ...local];
      this.#draw();
    } catch (error) {
      if (isEnded(error)) return;
    }
    if (this.working) this.#pollSoon();
  }

  async #remove(row) {
    const at = this.rows.indexOf(row);
    const focused = this.shown.get(row)?.item.contains(document.activeElement);
    row.request?.abort();
    this.gone.add(row.id);
    this.rows = this.rows.filter((other) => other !== row);
    this.#draw();
    if (focused) this.#focusNear(at);
    if (!row.id) return;
    try {
      await call("file_remove", { conversation: this.id, file: row.id });
    } catch (error) {
      tell(error);
      this.gone.delete(row.id);
      this.rows.push(row);
      this.#draw();
    }
  }

  #focusNear(at) {
    const next = this.rows[at] ?? this.rows.at(-1);
    if (next) this.shown.get(next).remove.focus();
    else this.onLeft();
  }

  #draw() {
    this.element.hidden = !this.rows.length;
    arrange(this.element, this.rows.map((row) => this.#row(row)));
    this.onChange();
  }

  #row(row) {
    let shown = this.shown.get(row);
    if (!shown) this.shown.set(row, shown = this.#made(row));
    const percent = Math.round(row.progress * 100);
    const lost = isLost(row);
    shown.item.className = `file ${row.status}`;
    shown.good.toggleAttribute("hidden", lost);
    shown.bad.toggleAttribute("hidden", !lost);
    shown.state.textContent = row.status === "failed" ? row.error || t("file_failed") : t(`file_${row.status}`, { percent });
    shown.state.title = shown.state.textContent;
    shown.bar.hidden = !WORKING.includes(row.status);
    shown.bar.style.setProperty("--share", `${percent}%`);
    return shown.item;
  }

  #made(row) {
    const shown = { good: icon("file", 18), bad: icon("warn", 18), state: h("span", { class: "file-state" }), bar: h("span", { class: "file-bar" }) };
    shown.remove = iconButton("close", t("file_remove", { name: row.name }), () => this.#remove(row));
    shown.item = h("li", {}, shown.good, shown.bad, h("span", { class: "file-text" }, h("span", { class: "file-name", title: row.name }, row.name), shown.state), shown.remove, shown.bar);
    return shown;
  }
}

function isLost(row) {
  return row.status === "failed" || row.status === "cancelled";
}

function csrfToken() {
  return /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}
