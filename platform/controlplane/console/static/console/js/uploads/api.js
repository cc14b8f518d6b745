// Requests to the platform API with the session of the page.

const written = JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";

// The cookie's, which follows a new sign-in in another tab; what the page was made with is stale then.
function csrf() {
  const cookie = document.cookie.split("; ").find((one) => one.startsWith("csrftoken="));
  return cookie ? cookie.slice("csrftoken=".length) : written;
}

function headers(tenant) {
  return { "X-CSRFToken": csrf(), "X-Karez-Tenant": tenant, Accept: "application/json" };
}

// What an answer says went wrong, in the reader's language.
export function problemText(body, fallback) {
  try {
    const problem = typeof body === "string" ? JSON.parse(body) : body;
    return [problem.detail, problem.remedy].filter(Boolean).join(" ").replace(/(?<=[。！？]) /gu, "") || fallback;
  } catch {
    return fallback;
  }
}

export async function call(method, address, tenant) {
  const answer = await fetch(address, { method, headers: headers(tenant), credentials: "same-origin" });
  const body = await answer.json().catch(() => ({}));
  return { status: answer.status, body };
}

// fetch() tells nothing of how much was sent: this does. Resolves with {status, body, wait}; status 0: no answer, or aborted.
export function sendFile({ address, tenant, file, name, fields, onSent, signal }) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    for (const [field, value] of Object.entries(fields)) if (value) form.append(field, value);
    form.append("file", file, name);
    request.open("POST", address);
    for (const [header, value] of Object.entries(headers(tenant))) request.setRequestHeader(header, value);
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) onSent(event.loaded / event.total); });
    request.addEventListener("load", () => resolve({
      status: request.status,
      body: request.responseText,
      wait: Number(request.getResponseHeader("Retry-After")) || 0,
    }));
    for (const ending of ["error", "abort", "timeout"]) {
      request.addEventListener(ending, () => resolve({ status: 0, body: "", wait: 0 }));
    }
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
