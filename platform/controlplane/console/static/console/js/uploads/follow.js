// How far indexing has come: one request for all files, not one for each.
import { call, problemText } from "./api.js";

const AT_ONCE = 100;
const SECONDS = 1.5;

export function follow({ queue, documents, tenant, texts }) {
  let timer = 0;

  async function ask() {
    timer = 0;
    const open = queue.indexing.slice(0, AT_ONCE);
    if (!open.length) return;
    const ids = open.map((item) => item.documentId).join(",");
    const answer = await call("GET", `${documents}?limit=${AT_ONCE}&ids=${ids}`, tenant).catch(() => ({ status: 0 }));
    if (answer.status === 200) take(open, answer.body.results);
    if (answer.status === 401) queue.notice = texts.expired;
    queue.changed();
    start();
  }

  function take(open, results) {
    const found = new Map(results.map((result) => [result.id, result]));
    for (const item of open) {
      if (!item.isIndexing) continue; // cancelled while the answer was under way
      const document = found.get(item.documentId);
      if (document) update(item, document);
      else item.fail(texts.gone);
    }
    queue.dispatchEvent(new Event("received"));
  }

  function update(item, document) {
    item.progress = document.progress;
    item.passages = document.chunks;
    if (document.status === "failed") item.fail(problemText({ detail: document.error?.message, remedy: document.error?.remedy }, texts.failed));
    else item.state = document.status;
  }

  function start() {
    if (!timer && queue.indexing.length) timer = setTimeout(ask, SECONDS * 1000);
  }

  queue.addEventListener("received", start);
}
