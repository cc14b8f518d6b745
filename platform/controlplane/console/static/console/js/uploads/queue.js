// What is sent when: a few files at a time, in the order they were chosen; a failure stops none of the others.
import { call, problemText, sendFile } from "./api.js";
import { Item } from "./item.js";

const PARALLEL = 3;
const TRIES = 4;
const PAUSE = 3;

export class Queue extends EventTarget {
  constructor({ address, jobs, tenant, limit, texts, limitText, fields, filename }) {
    super();
    Object.assign(this, { address, jobs, tenant, limit, texts, limitText, fields, filename });
    this.items = [];
    this.notice = ""; // why nothing is sent at the moment
    this.isStopped = false;
    this.sending = new Map();
  }

  add(files) {
    const taken = this.filename ? files.slice(0, 1) : files; // one document takes one file at a time
    for (const { file, path } of taken) {
      const item = new Item(file, path);
      if (file.size > this.limit) item.fail(this.texts.tooLarge.replace("{limit}", this.limitText));
      this.items.push(item);
    }
    this.changed();
    this.fill();
  }

  get isSending() { return this.items.some((item) => item.state === "waiting" || item.state === "sending"); }
  get indexing() { return this.items.filter((item) => item.isIndexing); }

  changed() { this.dispatchEvent(new Event("change")); }

  fill() {
    while (!this.isStopped && this.sending.size < PARALLEL) {
      const next = this.items.find((item) => item.state === "waiting");
      if (!next) return;
      this.send(next);
    }
  }

  async send(item) {
    const aborter = new AbortController();
    item.state = "sending";
    item.sent = 0;
    this.sending.set(item, aborter);
    this.changed();
    const answer = await sendFile({
      address: this.address,
      tenant: this.tenant,
      file: item.file,
      name: this.filename || item.file.name,
      fields: this.fields(),
      onSent: (part) => { item.sent = part; this.changed(); },
      signal: aborter.signal,
    });
    this.sending.delete(item);
    if (item.state === "sending") this.settle(item, answer);
    this.changed();
    this.fill();
  }

  settle(item, { status, body, wait }) {
    if (status === 202 || status === 200) this.received(item, status, JSON.parse(body));
    else if (status === 401) this.stop(item, this.texts.expired);
    else if ((status === 0 || status === 429 || status >= 502) && ++item.tries < TRIES) this.pause(item, status, wait);
    else item.fail(problemText(body, status ? this.texts.refused.replace("{status}", status) : this.texts.network));
  }

  received(item, status, body) {
    Object.assign(item, { documentId: body.id, jobId: body.job || "", version: body.version, sent: 1, error: "" });
    if (status === 200 && body.status === "failed") {
      item.fail(this.texts.sameFailed);
    } else if (status === 200) {
      item.state = "same";
      item.sameAs = body.filename;
    } else {
      item.state = "queued";
    }
    item.file = null; // 200 open files are memory
    this.dispatchEvent(new Event("received"));
  }

  stop(item, notice) {
    item.state = "waiting";
    this.isStopped = true;
    this.notice = notice;
  }

  expire() {
    this.isStopped = true;
    this.notice = this.texts.expired;
    this.changed();
  }

  pause(item, status, wait) {
    const seconds = wait || PAUSE * item.tries;
    this.stop(item, status ? this.texts.busy.replace("{seconds}", seconds) : this.texts.network);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.resume(), seconds * 1000);
  }

  resume() {
    this.isStopped = false;
    this.notice = "";
    this.changed();
    this.fill();
  }

  // What is being indexed is cancelled where it is, on the platform.
  async cancel(item) {
    if (item.isOver) return;
    const job = item.isIndexing && item.jobId;
    item.state = "cancelled";
    this.sending.get(item)?.abort();
    this.changed();
    if (job) {
      const answer = await call("POST", `${this.jobs}/${job}/cancel`, this.tenant).catch(() => ({ status: 0 }));
      if (answer.status !== 200) item.state = "queued"; // it has ended by itself, or goes on: asked about as before
      this.changed();
    }
    this.dispatchEvent(new Event("received"));
  }

  async cancelAll() {
    const open = this.items.filter((item) => !item.isOver).reverse(); // first those that have not begun
    for (const item of open.filter((one) => !one.isIndexing)) this.cancel(item);
    for (const item of open.filter((one) => one.isIndexing)) await this.cancel(item);
  }

  async retry(item) {
    if (item.state !== "failed" && item.state !== "cancelled") return;
    Object.assign(item, { error: "", tries: 0, sent: 0, progress: 0 });
    if (item.file) {
      if (item.size > this.limit) return item.fail(this.texts.tooLarge.replace("{limit}", this.limitText));
      item.state = "waiting";
      this.changed();
      this.fill();
      return;
    }
    item.state = "queued";
    this.changed();
    const answer = await call("POST", `${this.jobs}/${item.jobId}/retry`, this.tenant).catch(() => ({ status: 0, body: {} }));
    if (answer.status !== 202) item.fail(problemText(answer.body, this.texts.network));
    this.changed();
    this.dispatchEvent(new Event("received"));
  }

  retryFailed() {
    if (this.isStopped) this.resume();
    for (const item of this.items) if (item.state === "failed") this.retry(item);
  }

  clear() {
    this.items = this.items.filter((item) => !item.isOver);
    this.changed();
  }

  counts() {
    const counts = { total: this.items.length, done: 0, ready: 0, same: 0, failed: 0, cancelled: 0, share: 0 };
    for (const item of this.items) {
      if (item.isOver) { counts.done += 1; counts[item.state] += 1; }
      counts.share += item.share;
    }
    return counts;
  }
}
