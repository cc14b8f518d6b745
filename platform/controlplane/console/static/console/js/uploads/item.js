// One file of the upload, from the moment it is chosen until it can be asked about.

let last = 0;

export const OVER = new Set(["ready", "same", "failed", "cancelled"]);

export class Item {
  constructor(file, path) {
    this.key = ++last;
    this.file = file;
    this.path = path || file.name;
    this.size = file.size;
    this.state = "waiting"; // waiting, sending, queued, parsing, embedding, ready, same, failed, cancelled
    this.sent = 0; // 0…1 of the bytes
    this.progress = 0; // 0…1 of the indexing
    this.error = "";
    this.tries = 0;
    this.documentId = "";
    this.jobId = "";
    this.sameAs = "";
    this.version = 1;
    this.passages = 0;
  }

  get isOver() { return OVER.has(this.state); }
  get isIndexing() { return this.state === "queued" || this.state === "parsing" || this.state === "embedding"; }

  // The upload is the smaller half of the work: indexing a page takes longer than sending it.
  get share() {
    if (this.isOver) return 1;
    if (this.isIndexing) return 0.3 + 0.7 * this.progress;
    return 0.3 * this.sent;
  }

  fail(error) {
    this.state = "failed";
    this.error = error;
  }
}
