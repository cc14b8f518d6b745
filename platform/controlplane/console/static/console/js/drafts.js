// What somebody sends after their session has ended is not lost: it stands in the form again when they have signed in anew.
import { toast } from "./toasts.js";

const MARK = "karez-draft";
const SECRETS = new Set(["password", "file", "hidden"]);

const cameFromSignIn = () => {
  try { return new URL(document.referrer).pathname.endsWith("/sign-in"); } catch { return false; }
};

// Nothing secret is kept, and nothing that the page chose by itself.
const kept = (field) => field.name && !SECRETS.has(field.type) && !/password|token/.test(field.name) && !(field instanceof HTMLButtonElement);

function keep(form, person) {
  const fields = [...form.elements].filter(kept).map((field) => [field.name, field.value, Boolean(field.checked)]);
  const draft = { person, path: location.pathname, action: form.action, fields };
  try { sessionStorage.setItem(MARK, JSON.stringify(draft)); } catch { /* full, or forbidden: then it is not kept */ }
}

function restore(draft) {
  const form = [...document.forms].find((one) => one.action === draft.action && one.method === "post");
  if (!form) return;
  const fields = [...form.elements].filter(kept);
  for (const [name, value, checked] of draft.fields) {
    const place = fields.findIndex((field) => field.name === name && (!["checkbox", "radio"].includes(field.type) || field.value === value));
    if (place < 0) continue;
    const [field] = fields.splice(place, 1);
    if (["checkbox", "radio"].includes(field.type)) field.checked = checked;
    else field.value = value;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }
  form.closest("dialog")?.showModal();
  toast(document.getElementById("toasts").dataset.restored);
}

export function setUpDrafts() {
  const person = document.querySelector("[data-person]")?.dataset.person;
  if (!person) return;  // the sign-in itself
  const found = JSON.parse(sessionStorage.getItem(MARK) ?? "null");
  sessionStorage.removeItem(MARK);
  if (found?.person === person && found.path === location.pathname && cameFromSignIn()) restore(found);
  document.addEventListener("submit", (event) => {
    if (event.target.method === "post" && !event.defaultPrevented) keep(event.target, person);
  });
}
