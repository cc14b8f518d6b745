// The last questions, for as long as the tab lives, and the picker of knowledge bases.

const KEY = "karez-hit-tests";
const MOST = 8;

const form = document.querySelector("[data-hits-form]");
remember();
list();
setUpPicker();
form.elements.q.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

function recent() {
  try { return JSON.parse(sessionStorage.getItem(KEY)) || []; } catch { return []; }
}

function remember() {
  const question = new URLSearchParams(location.search).get("q")?.trim();
  if (!question) return;
  const others = recent().filter((one) => one.question !== question);
  try { sessionStorage.setItem(KEY, JSON.stringify([{ question, search: location.search }, ...others].slice(0, MOST))); } catch { /* no storage: nothing is kept */ }
}

function list() {
  const box = form.querySelector("[data-recent]");
  const shelf = form.querySelector("[data-recent-list]");
  const found = recent();
  box.hidden = found.length === 0;
  for (const { question, search } of found) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = search;
    link.textContent = question;
    item.append(link);
    shelf.append(item);
  }
}

function setUpPicker() {
  const picker = form.querySelector("[data-picker]");
  picker.open = false;
  document.addEventListener("click", (event) => { if (!picker.contains(event.target)) picker.open = false; });
  picker.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { picker.open = false; picker.querySelector("summary").focus(); }
  });
}
