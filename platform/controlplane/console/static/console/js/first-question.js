// The last step of the wizard: one question through the public API, with the token that the session lends.

async function ask(form) {
  const box = form.querySelector("[data-answer]");
  box.hidden = false;
  box.textContent = form.dataset.asking;
  try {
    show(box, await answer(form));
  } catch (error) {
    box.textContent = error instanceof Told ? error.message : form.dataset.failed;
  }
}

class Told extends Error {}  // what the platform itself says

async function answer(form) {
  const lent = await fetch(`${form.dataset.api}/session/token`, { headers: { Accept: "application/json" } });
  if (!lent.ok) throw new Error(String(lent.status));
  const { token } = await lent.json();
  const response = await fetch(`${form.dataset.modelApi}/chat/completions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}`, "Accept-Language": document.documentElement.lang },
    body: JSON.stringify({ model: form.dataset.model, messages: [{ role: "user", content: form.elements.question.value }] }),
  });
  const body = await response.json();
  if (!response.ok) throw new Told(body.error?.message || form.dataset.failed);
  return body.choices[0].message;
}

function show(box, message) {
  box.replaceChildren();
  const text = document.createElement("p");
  text.textContent = message.content;
  box.append(text);
  const sources = [...new Map((message.annotations || []).map((one) => [one.karez.index, one])).values()];
  if (!sources.length) return;
  const list = document.createElement("ul");
  for (const { karez, url_citation: cited } of sources) {
    const item = document.createElement("li");
    item.textContent = `[${karez.index}] ${cited.title}`;
    list.append(item);
  }
  box.append(list);
}

for (const form of document.querySelectorAll("[data-first-question]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    if (button.disabled) return;
    button.disabled = true;
    await ask(form);
    button.disabled = false;
  });
}
