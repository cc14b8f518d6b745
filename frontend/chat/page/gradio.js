// Calls of the Gradio functions behind the page, by name.
import { KAREZ } from "./dom.js";

export class CallError extends Error {
  constructor({ code, message = "", status = 0, retry_after = null }) {
    super(message || code);
    Object.assign(this, { code, told: message, status, retryAfter: retry_after });
  }
}

const API = `${KAREZ.path}/gradio_api`;

async function send(url, options) {
  try {
    return await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new CallError({ code: "network" });
  }
}

async function post(kind, name, payload, signal) {
  const response = await send(`${API}/${kind}/${name}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ data: [payload] }),
    signal,
  });
  let body = null;
  try { body = await response.json(); } catch { /* a proxy's page */ }
  if (body?.error?.code) throw new CallError(body.error);
  if (!response.ok || !body) throw new CallError({ code: response.status >= 502 ? "platform_unreachable" : "internal_error", status: response.status });
  return body;
}

export async function call(name, payload = {}) {
  const result = (await post("run", name, payload)).data[0];
  if (result?.error) throw new CallError(result.error);
  return result;
}

// Each update as it comes. Ends when the function ends; throws when the connection does before it.
export async function* stream(name, payload, signal) {
  const { event_id: event } = await post("call", name, payload, signal);
  const response = await send(`${API}/call/${name}/${event}`, { signal, headers: { Accept: "text/event-stream" } });
  if (!response.ok) throw new CallError({ code: response.status === 401 ? "session_expired" : "network", status: response.status });
  let ended = false;
  for await (const [kind, data] of events(response.body, signal)) {
    if (kind === "complete") ended = true;
    // The process is going down: what it was reading is found again.
    if (kind === "error") throw new CallError({ code: /stopped|not found/i.test(data) ? "network" : "internal_error" });
    if (kind !== "generating") continue;
    const update = JSON.parse(data)[0];
    if (update?.error) throw new CallError(update.error);
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
        piece = await reader.read();
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
