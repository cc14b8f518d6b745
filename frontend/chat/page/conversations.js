// The list of conversations. Rows that stay are left where they are, with the focus and the menu that they may have.
import { arrange, h, icon, iconButton, t } from "./dom.js";
import { openMenu } from "./dialogs.js";

export class Conversations {
  constructor({ onOpen, onRename, onRemove, onMore }) {
    Object.assign(this, { onOpen, onRename, onRemove });
    this.shown = new Map();
    this.groups = new Map();
    this.none = h("p", { class: "quiet empty-list" });
    this.more = h("button", { type: "button", class: "more", onclick: onMore }, t("more"));
    this.element = h("div", { class: "conversations" });
  }

  draw({ rows, current, query, cursor }) {
    this.last = { rows, current, query, cursor };
    // A name that is just being typed would be taken for typed.
    if (this.renaming) return;
    const groups = new Map();
    for (const row of rows) {
      const name = dayGroup(row.updated_at);
      groups.set(name, [...(groups.get(name) ?? []), this.#row(row, row.id === current)]);
    }
    const parts = [...groups].map(([name, items]) => this.#group(name, items));
    this.none.textContent = query ? t("search_none", { query }) : t("list_none");
    arrange(this.element, [...(parts.length ? parts : [this.none]), ...(cursor ? [this.more] : [])]);
    const kept = new Set(rows.map((row) => row.id));
    for (const id of this.shown.keys()) if (!kept.has(id)) this.shown.delete(id);
  }

  // False when there is no such row.
  focus(id) {
    const link = this.shown.get(id)?.link;
    link?.focus();
    return !!link;
  }

  #group(name, items) {
    let section = this.groups.get(name);
    if (!section) this.groups.set(name, section = h("section", {}, h("h2", {}, t(name)), h("ul", {})));
    arrange(section.lastElementChild, items);
    return section;
  }

  #row(row, isCurrent) {
    let shown = this.shown.get(row.id);
    if (!shown) this.shown.set(row.id, shown = this.#made(row.id));
    const title = row.title || t("untitled");
    const label = t("options", { title });
    shown.row = row;
    if (shown.link.textContent !== title) shown.link.textContent = title;
    for (const [element, name, value] of [[shown.link, "title", title], [shown.options, "aria-label", label], [shown.options, "title", label]]) element.setAttribute(name, value);
    shown.link.toggleAttribute("aria-current", isCurrent);
    if (isCurrent) shown.link.setAttribute("aria-current", "page");
    shown.item.className = isCurrent ? "current" : "";
    return shown.item;
  }

  #made(id) {
    const link = h("a", { class: "conversation", href: `?c=${encodeURIComponent(id)}` });
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.onOpen(id);
    });
    const shown = { link };
    shown.options = iconButton("more", "", () => openMenu(shown.options, [
      { label: t("rename"), icon: icon("pencil", 16), keepFocus: true, onclick: () => this.#rename(shown) },
      { label: t("delete"), icon: icon("trash", 16), danger: true, onclick: () => this.onRemove(shown.row) },
    ]), { class: "icon-button options", "aria-haspopup": "menu", "aria-expanded": "false" });
    shown.item = h("li", {}, link, shown.options);
    return shown;
  }

  #rename({ row, item, link, options }) {
    const box = h("input", { class: "rename", value: row.title, maxlength: 200, "aria-label": t("rename") });
    this.renaming = true;
    const end = (save) => {
      if (!this.renaming) return;
      this.renaming = false;
      const focused = document.activeElement === box;
      item.replaceChildren(link, options);
      const title = box.value.trim();
      if (save && title && title !== row.title) this.onRename(this.last.rows.find((one) => one.id === row.id) ?? row, title);
      this.draw(this.last);
      if (focused) this.focus(row.id);
    };
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) end(true);
      if (event.key === "Escape" && !event.isComposing) { event.stopPropagation(); end(false); }
    });
    box.addEventListener("blur", () => end(true));
    item.replaceChildren(box);
    box.focus();
    box.select();
  }
}

function dayGroup(time) {
  const start = new Date();
  start.setHours(0, 0, 0, 0);
  const days = Math.ceil((start - new Date(time)) / 86400000);
  if (days <= 0) return "today";
  if (days === 1) return "yesterday";
  if (days <= 7) return "week";
  return days <= 30 ? "month" : "older";
}
