// The upload of a knowledge base: files and folders, dropped or chosen, with the progress of each.
import { toast } from "../toasts.js";
import { chosenFiles, droppedFiles } from "./folders.js";
import { follow } from "./follow.js";
import { FileList } from "./list.js";
import { Queue } from "./queue.js";

const REFRESH_SECONDS = 3;
const SAY_SECONDS = 4;

function sizeText(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) { size /= 1000; unit += 1; }
  return `${unit === 0 || size >= 100 ? size.toFixed(0) : size.toFixed(1)} ${units[unit]}`;
}

function setUp(root) {
  const texts = JSON.parse(document.getElementById("upload-texts").textContent);
  const { address, documents, jobs, tenant } = root.dataset;
  const limit = Number(root.dataset.limit);
  const queue = new Queue({
    address, jobs, tenant, limit, texts,
    filename: root.dataset.filename,
    limitText: sizeText(limit),
    fields: () => ({ secrecy: root.querySelector("[name=secrecy]")?.value || "" }),
  });
  follow({ queue, documents, tenant, texts });
  const panel = new Panel(root, queue, texts);
  queue.addEventListener("change", () => panel.schedule());
  setUpChoosing(root, queue);
  setUpDropping(root, queue, texts);
  setUpRefreshing(queue);
  // The list below would lead to the sign-in page, and all that waits would be lost.
  document.addEventListener("htmx:beforeOnLoad", (event) => {
    if (event.detail.xhr.status !== 401 || !queue.isSending) return;
    event.preventDefault();
    queue.expire();
  });
  addEventListener("beforeunload", (event) => { if (queue.isSending) event.preventDefault(); });
}

function setUpChoosing(root, queue) {
  for (const button of root.querySelectorAll("[data-chooses]")) {
    const input = root.querySelector(`input[data-input="${button.dataset.chooses}"]`);
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      queue.add(chosenFiles(input.files));
      input.value = ""; // the same file may be chosen again
    });
  }
}

// Anywhere on the page: a file that misses the frame would else replace the page.
function setUpDropping(root, queue, texts) {
  const zone = root.querySelector(".dropzone");
  let depth = 0;
  const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; zone.classList.add("is-over"); } });
  addEventListener("dragleave", (event) => { if (hasFiles(event) && --depth <= 0) { depth = 0; zone.classList.remove("is-over"); } });
  addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener("drop", async (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    zone.classList.remove("is-over");
    const files = await droppedFiles(event.dataTransfer);
    if (files.length) queue.add(files);
    else toast(texts.nothing);
  });
}

// The list of documents below is told, but not for every file.
function setUpRefreshing(queue) {
  let timer = 0;
  queue.addEventListener("received", () => {
    timer ||= setTimeout(() => {
      timer = 0;
      document.body.dispatchEvent(new CustomEvent("karez:documents"));
    }, REFRESH_SECONDS * 1000);
  });
}

class Panel {
  constructor(root, queue, texts) {
    Object.assign(this, { root, queue, texts, only: "" });
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.list = new FileList({
      frame: this.find("frame"), texts, sizeText,
      onCancel: (item) => queue.cancel(item),
      onRetry: (item) => queue.retry(item),
    });
    this.find("cancel").addEventListener("click", () => queue.cancelAll());
    this.find("retry").addEventListener("click", () => queue.retryFailed());
    this.find("resume").addEventListener("click", () => queue.resume());
    this.find("clear").addEventListener("click", () => queue.clear());
    for (const button of root.querySelectorAll("[data-only]")) {
      button.addEventListener("click", () => this.choose(button));
    }
  }

  choose(button) {
    this.only = button.dataset.only;
    for (const one of this.root.querySelectorAll("[data-only]")) one.setAttribute("aria-pressed", String(one === button));
    this.schedule();
  }

  // However much happens: painted once a frame.
  schedule() {
    this.frame ||= requestAnimationFrame(() => { this.frame = 0; this.show(); });
  }

  show() {
    const { queue, texts } = this;
    const counts = queue.counts();
    const isOver = counts.total > 0 && counts.done === counts.total;
    this.find("panel").hidden = counts.total === 0;
    const text = fill(isOver ? texts.finished : texts.summary, counts);
    this.find("summary").textContent = text;
    this.find("bar").value = counts.total ? Math.round((100 * counts.share) / counts.total) : 0;
    this.find("bar").hidden = isOver;
    for (const name of ["total", "failed"]) this.find(`count-${name}`).textContent = counts[name];
    this.find("retry").hidden = counts.failed === 0;
    this.find("cancel").hidden = isOver;
    this.find("clear").hidden = counts.done === 0;
    this.find("notice").hidden = !queue.notice;
    this.find("notice-text").textContent = queue.notice;
    this.list.set(this.only ? queue.items.filter((item) => item.state === this.only) : queue.items);
    this.say(text, isOver);
  }

  // To a screen reader, now and then.
  say(text, isOver) {
    const now = Date.now();
    if (text === this.said || (!isOver && now - (this.saidAt || 0) < SAY_SECONDS * 1000)) return;
    this.said = text;
    this.saidAt = now;
    this.find("live").textContent = text;
  }
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

const root = document.querySelector("[data-uploads]");
if (root) setUp(root);
