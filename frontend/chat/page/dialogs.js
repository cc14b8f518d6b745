// Dialogs, menus, and the lines that say what happened.
import { h, iconButton, t } from "./dom.js";

let live = null;
let toasts = null;

export function mountMessages(root) {
  live = h("div", { class: "offscreen", role: "status", "aria-live": "polite" });
  toasts = h("div", { class: "toasts" });
  root.append(live, toasts);
}

// For those who hear the page.
export function announce(text) {
  live.textContent = "";
  requestAnimationFrame(() => { live.textContent = text; });
}

export function toast(text, kind = "info") {
  const line = h("div", { class: `toast ${kind}` }, text);
  toasts.append(line);
  announce(text);
  setTimeout(() => line.remove(), 4000);
}

export function openDialog({ title, text, body = null, actions, closable = true, kind = "" }) {
  const dialog = h("dialog", { class: `dialog ${kind}`, "aria-labelledby": "dialog-title" });
  const close = () => { dialog.close(); };
  dialog.append(
    h("div", { class: "dialog-head" }, h("h2", { id: "dialog-title" }, title), closable && iconButton("close", t("close"), close)),
    ...[text && h("p", {}, text), body].filter(Boolean),
    h("div", { class: "dialog-actions" }, actions(close)),
  );
  if (!closable) dialog.addEventListener("cancel", (event) => event.preventDefault());
  dialog.addEventListener("click", (event) => { if (event.target === dialog && closable) close(); });
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector(".karez").append(dialog);
  dialog.showModal();
  return dialog;
}

export function confirmDialog({ title, text, action }) {
  return new Promise((resolve) => {
    let chosen = false;
    const dialog = openDialog({
      title,
      text,
      actions: (close) => [
        h("button", { type: "button", class: "button", onclick: close, autofocus: true }, t("cancel")),
        h("button", { type: "button", class: "button danger", onclick: () => { chosen = true; close(); } }, action),
      ],
    });
    dialog.addEventListener("close", () => resolve(chosen));
  });
}

// A menu under a button. `items`: {label, icon, onclick, href, checked, danger} or a heading as text.
export function openMenu(anchor, items, { place = "below" } = {}) {
  document.querySelector(".menu")?.closeMenu();
  const menu = h("div", { class: "menu", role: "menu" });
  const entries = items.filter(Boolean).map((item) => entry(item));
  menu.append(...entries);
  const buttons = [...menu.querySelectorAll("[role^=menuitem]")];
  menu.closeMenu = (refocus = false) => {
    menu.remove();
    anchor.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    if (refocus) anchor.focus();
  };
  const outside = (event) => { if (!menu.contains(event.target) && !anchor.contains(event.target)) menu.closeMenu(); };
  menu.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const move = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (move !== undefined) { event.preventDefault(); buttons.at(move % buttons.length)?.focus(); }
    if (event.key === "Escape") { event.stopPropagation(); menu.closeMenu(true); }
    if (event.key === "Tab") menu.closeMenu();
  });
  document.addEventListener("pointerdown", outside, true);
  document.querySelector(".karez").append(menu);
  anchor.setAttribute("aria-expanded", "true");
  position(menu, anchor, place);
  (buttons.find((button) => button.getAttribute("aria-checked") === "true") ?? buttons[0])?.focus();

  function entry(item) {
    if (typeof item === "string") return h("div", { class: "menu-heading", role: "presentation" }, item);
    if (item === true) return null;
    const choice = "checked" in item;
    const inside = [item.icon, h("span", { class: "menu-label" }, item.label, item.hint && h("small", {}, item.hint))];
    const shared = { class: `menu-item${item.danger ? " danger" : ""}`, role: choice ? "menuitemradio" : "menuitem", "aria-checked": choice ? String(item.checked) : null, tabindex: "-1" };
    if (item.href) return h("a", { ...shared, href: item.href }, inside);
    return h("button", { ...shared, type: "button", onclick: () => { menu.closeMenu(!item.keepFocus); item.onclick(); } }, inside);
  }
}

function position(menu, anchor, place) {
  const at = anchor.getBoundingClientRect();
  const width = menu.offsetWidth;
  menu.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8))}px`;
  if (place === "above") menu.style.bottom = `${innerHeight - at.top + 6}px`;
  else if (at.bottom + menu.offsetHeight + 12 > innerHeight) menu.style.bottom = `${Math.max(8, innerHeight - at.top + 4)}px`;
  else menu.style.top = `${at.bottom + 4}px`;
}
