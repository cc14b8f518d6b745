// What every page of the console needs. Pages add modules of their own.
import { setUpDrafts } from "./drafts.js";
import { setUpFinders } from "./finders.js";
import { setUpMenus } from "./menus.js";
import { setUpPalette } from "./palette.js";
import { toast } from "./toasts.js";

const toasts = document.getElementById("toasts");

function setUpTheme(scope) {
  const show = () => {
    for (const button of document.querySelectorAll("button[data-theme-choice]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === document.documentElement.dataset.themeChoice));
    }
  };
  for (const button of scope.querySelectorAll("button[data-theme-choice]")) {  // the page's own element has one too
    button.addEventListener("click", () => { window.karezTheme(button.dataset.themeChoice); show(); });
  }
  show();
}

// <button data-opens="id of a dialog">, and inside of the dialog <button data-closes>.
function setUpDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
    if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
    if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close();  // its backdrop
  });
}

// A form is sent once: the second click of a double click finds it busy.
function setUpForms() {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || event.defaultPrevented) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "true";
    for (const button of form.querySelectorAll("button:not([type=button])")) button.classList.add("is-busy");
  });
  addEventListener("pageshow", () => {  // also when the back button brings the page as it was left
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll(".is-busy")) button.classList.remove("is-busy");
    }
  });
}

// Where the page came over plain HTTP, browsers have no clipboard but this.
function copyBySelection(text) {
  const area = document.createElement("textarea");
  area.className = "visually-hidden";
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  const focused = document.activeElement;
  area.select();
  document.execCommand("copy");
  area.remove();
  focused?.focus();
}

// <button data-copies="text">.
function setUpCopying() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copies]");
    if (!button) return;
    if (navigator.clipboard) await navigator.clipboard.writeText(button.dataset.copies);
    else copyBySelection(button.dataset.copies);
    toast(button.dataset.copied || "✓");
  });
}

// <time datetime data-local> in the reader's own time zone and language.
function setUpTimes(scope) {
  const language = document.documentElement.lang;
  const format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  for (const time of scope.querySelectorAll("time[data-local]")) time.textContent = format.format(new Date(time.dateTime));
}

function setUpHtmx() {
  document.addEventListener("htmx:responseError", (event) => {
    const { xhr } = event.detail;
    if (!xhr.getResponseHeader("HX-Redirect")) toast(xhr.responseText.slice(0, 500) || toasts.dataset.offline);
  });
  document.addEventListener("htmx:sendError", () => toast(toasts.dataset.offline));
  document.addEventListener("htmx:load", (event) => {
    const loaded = event.detail.elt;
    setUpTimes(loaded);
    setUpFinders(loaded.closest("select")?.parentElement ?? loaded);  // options that came by themselves, too
  });
}

setUpMenus();
setUpPalette();
setUpTheme(document);
setUpDialogs();
setUpForms();
setUpDrafts();
setUpCopying();
setUpFinders(document);
setUpTimes(document);
setUpHtmx();
