// Files of a conversation. They go from here to the platform, and never through Gradio.
import { h, icon, iconButton, KAREZ, t } from "./dom.js";
import { toast } from "./dialogs.js";
import { call } from "./gradio.js";
import { problemText } from "./problems.js";

const POLL_MS = 1500;
const WORKING = ["uploading", "queued", "parsing", "embedding"];

export class Files {
  constructor({ conversation, onChange, onExpired }) {
    this.conversation = conversation; // gives its id, and begins one where there is none
    this.onChange = onChange;
    this.onExpired = onExpired;
    this.rows = [];
    this.element = h("ul", { class: "files", "aria-label": t("files"), hidden: true });
  }

  get working() {
    return this.rows.some((row) => WORKING.includes(row.status));
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
      toast(problemText(error), "failed");
      return;
    }
    this.id = id;
    await Promise.all(added.map(([file, row]) => this.#upload(id, file, row)));
  }

  // Those that are not ready go: the question does not wait for them.
  dropUnready() {
    return Promise.all(this.rows.filter((row) => WORKING.includes(row.status)).map((row) => this.#remove(row)));
  }

  #upload(id, file, row) {
    return new Promise((resolve) => {
      const request = new XMLHttpRequest();
      row.request = request;
      request.open("POST", `${KAREZ.prefix}/api/v1/conversations/${encodeURIComponent(id)}/files`);
      request.setRequestHeader("X-CSRFToken", csrfToken());
      request.setRequestHeader("Accept-Language", document.documentElement.lang);
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
      row.error = body.detail ? [body.detail, body.remedy].filter(Boolean).join(" ") : { 413: t("file_too_large"), 415: t("file_unsupported") }[request.status] ?? t("file_upload_failed");
      if (request.status === 401) this.onExpired();
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
      const local = this.rows.filter((row) => row.status === "uploading" || !row.id);
      this.rows = [...files.reverse(), ...local];
      this.#draw();
    } catch (error) {
      if (error.code === "session_expired") { this.onExpired(); return; }
    }
    if (this.working) this.#pollSoon();
  }

  async #remove(row) {
    row.request?.abort();
    this.rows = this.rows.filter((other) => other !== row);
    this.#draw();
    if (!row.id) return;
    try {
      await call("file_remove", { conversation: this.id, file: row.id });
    } catch (error) {
      toast(problemText(error), "failed");
      this.rows.push(row);
      this.#draw();
    }
  }

  #draw() {
    this.element.hidden = !this.rows.length;
    this.element.replaceChildren(...this.rows.map((row) => this.#row(row)));
    this.onChange();
  }

  #row(row) {
    const percent = Math.round(row.progress * 100);
    const state = row.status === "failed" ? row.error || t("file_failed") : t(`file_${row.status}`, { percent });
    const working = WORKING.includes(row.status);
    return h(
      "li",
      { class: `file ${row.status}` },
      icon(row.status === "failed" ? "warn" : "file", 18),
      h("span", { class: "file-text" }, h("span", { class: "file-name", title: row.name }, row.name), h("span", { class: "file-state" }, state)),
      iconButton("close", t("file_remove", { name: row.name }), () => this.#remove(row)),
      working && h("span", { class: "file-bar", style: `--share:${percent}%` }),
    );
  }
}

function csrfToken() {
  return /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";
}
