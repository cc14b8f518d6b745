// Asks with what stands in the editor, and shows how the answer came about.
import { readEvents } from "./events.js";
import { Run } from "./run.js";

export function setUpTrying(pane, editor) {
  const ask = pane.querySelector("[data-ask]");
  const question = ask.querySelector("textarea");
  const [send, stop] = [ask.querySelector("[data-send]"), ask.querySelector("[data-stop]")];
  const runs = pane.querySelector("[data-runs]");
  const status = pane.querySelector("[data-status]");
  let history = [];
  let stopping = null;

  ask.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = question.value.trim();
    if (!text || stopping) return;
    const own = new AbortController();
    stopping = own;
    toggle(true);
    status.textContent = status.dataset.asking;
    const drafts = [["draft", draftOf(editor)]];
    if (ask.querySelector("[data-compare]").checked) drafts.push(["saved", null]);
    const pair = document.createElement("div");
    pair.className = drafts.length > 1 ? "runs is-pair" : "runs";
    runs.prepend(pair);
    const shown = drafts.map(([name]) => new Run(pane, pair, name, text, drafts.length > 1));
    await Promise.all(shown.map((run, at) => answer(run, [...history, { role: "user", content: text }], drafts[at][1], own.signal)));
    if (stopping !== own) return;  // cleared meanwhile, and another one may be asked already
    if (shown[0].text) history = [...history, { role: "user", content: text }, { role: "assistant", content: shown[0].text }].slice(-12);
    status.textContent = own.signal.aborted ? status.dataset.stopped : status.dataset.done;
    stopping = null;
    toggle(false);
    if (question.value.trim() === text) question.value = "";
    question.focus();
  });
  question.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      ask.requestSubmit();
    }
  });
  stop.addEventListener("click", () => stopping?.abort());
  pane.querySelector("[data-clear]").addEventListener("click", () => {
    stopping?.abort();
    stopping = null;
    toggle(false);
    history = [];
    runs.replaceChildren();
    question.focus();
  });

  function toggle(busy) {
    send.hidden = busy;
    stop.hidden = !busy;
    if (busy) stop.focus();
  }

  async function answer(run, messages, draft, signal) {
    const body = { model: "assistant", messages, stream: true, karez: draft ? { trace: true, draft } : { trace: true } };
    try {
      const response = await fetch(pane.dataset.try, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": token(editor), "Accept-Language": document.documentElement.lang },
        body: JSON.stringify(body),
        signal,
      });
      if (!response.ok) return run.fail(await wordsOf(response, pane));
      for await (const chunk of readEvents(response.body)) run.take(chunk);
      run.end();
    } catch (error) {
      if (error.name === "AbortError") run.stop();
      else run.fail(pane.dataset.failed);
    }
    if (run.text) await render(run);
  }

  // What cannot be rendered stays as it was written.
  async function render(run) {
    const body = new URLSearchParams([["text", run.text], ["run", run.number], ...run.known.map((index) => ["known", index])]);
    try {
      const response = await fetch(pane.dataset.rendered, { method: "POST", headers: { "X-CSRFToken": token(editor) }, body });
      if (response.ok && !response.redirected) run.showRendered(await response.text());
    } catch { /* the network is gone */ }
  }
}

function draftOf(editor) {
  const data = new FormData(editor);
  const topK = Number(data.get("top_k"));
  return {
    instructions: data.get("instructions"),
    knowledge_bases: data.getAll("knowledge_bases"),
    ...(data.get("route") ? { route: data.get("route") } : {}),
    ...(Number.isInteger(topK) && topK >= 1 && topK <= 50 ? { top_k: topK } : {}),
  };
}

function token(editor) {
  return editor.querySelector("input[name=csrfmiddlewaretoken]").value;
}

async function wordsOf(response, pane) {
  try {
    const problem = await response.json();
    return [problem.detail, problem.remedy].filter(Boolean).join(" ").replace(/(?<=[。！？]) /gu, "") || pane.dataset.failed;
  } catch {
    return pane.dataset.failed;
  }
}
