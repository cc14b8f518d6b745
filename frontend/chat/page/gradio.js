// Calls of the Gradio functions behind the page, by name.
import { KAREZ } from "./dom.js";

export class CallError extends Error {
  constructor({ code, message = "", status = 0, retry_after = null }) {
    super(message || code);
    Object.assign(this, { code, told: message, status, retryAfter: retry_after });
  }
}

const API = `${KAREZ.path}/gradio_api`;
// A connection that is half open says nothing, ever. Streams carry a sign of life every 15 seconds.
const SILENCE_MS = 45000;

let owner;
let whenEnded = () => {};

// Whose page this is, and what to do once the session is no longer theirs.
export function actFor(mark, ended) {
  owner = mark;
  whenEnded = ended;
}

// What goes to the platform itself goes to the page's own organisation, whichever the session is in by now.
export function directHeaders() {
  const [tenant] = (owner ?? "").split(":");
  return { "Accept-Language": KAREZ.lang, ...(tenant ? { "X-Karez-Tenant": tenant } : {}) };
}

export function isEnded(problem) {
  return ["session_expired", "session_changed", "membership_ended"].includes(problem.code);
}

export function sessionEnded(code) {
  whenEnded(code);
}

// Every refusal passes here: that the session ended is said once, whatever was being done.
function refusal(given) {
  const error = new CallError(given);
  if (isEnded(error)) whenEnded(error.code);
  return error;
}

async function send(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new CallError({ code: "network" });
  }
}

async function post(kind, name, payload, signal) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), SILENCE_MS);
  const leave = () => patience.abort();
  signal?.addEventListener("abort", leave);
  try {
    const response = await send(`${API}/${kind}/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ data: [{ ...payload, owner }] }),
      signal: patience.signal,
    });
    let body = null;
    try { body = await response.json(); } catch (error) { if (error.name === "AbortError") throw error; /* else a proxy's page */ }
    if (body?.error?.code) throw refusal(body.error);
    if (!response.ok || !body) throw new CallError({ code: response.status >= 502 ? "platform_unreachable" : "internal_error", status: response.status });
    return body;
  } catch (error) {
    if (error.name === "AbortError" && !signal?.aborted) throw new CallError({ code: "network" });
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", leave);
  }
}

export async function call(name, payload = {}) {
  const result = (await post("run", name, payload)).data[0];
  if (result?.error) throw refusal(result.error);
  return result;
}

// Each update as it comes. Ends when the function ends; throws when the connection does before it.
export async function* stream(name, payload, signal) {
  const { event_id: event } = await post("call", name, payload, signal);
  const response = await within(send(`${API}/call/${name}/${event}`, { signal, headers: { Accept: "text/event-stream" } }));
  if (response.status === 401) throw refusal({ code: "session_expired", status: 401 });
  if (!response.ok) throw new CallError({ code: "network", status: response.status });
  let ended = false;
  for await (const [kind, data] of events(response.body, signal)) {
    if (kind === "complete") ended = true;
    // The process is going down: what it was reading is found again.
    if (kind === "error") throw new CallError({ code: /stopped|not found/i.test(data) ? "network" : "internal_error" });
    if (kind !== "generating") continue;
    const update = JSON.parse(data)[0];
    if (update?.error) throw refusal(update.error);
    if (update?.problem && isEnded(update.problem)) whenEnded(update.problem.code);
    yield update;
  }
  if (!ended) throw new CallError({ code: "network" });
}

async function* events(body, signal) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let held = "";
  let ended = false;
  try {
    for (;;) {
      let piece;
      try {
        piece = await within(reader.read());
      } catch (error) {
        if (signal?.aborted) throw error;
        throw new CallError({ code: "network" });
      }
      if ((ended = piece.done)) return;
      held += decoder.decode(piece.value, { stream: true });
      let end;
      while ((end = held.indexOf("\n\n")) >= 0) {
        const event = held.slice(0, end);
        held = held.slice(end + 2);
        const kind = /^event: (.*)$/m.exec(event)?.[1];
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (kind) yield [kind, data];
      }
    }
  } finally {
    if (!ended) reader.cancel().catch(() => {});
  }
}

// What does not come in time is taken for lost.
function within(promise) {
  let timer;
  const late = new Promise((_resolve, reject) => { timer = setTimeout(() => reject(new CallError({ code: "network" })), SILENCE_MS); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
