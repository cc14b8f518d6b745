// The sidebar: who answers, the conversations, and the person's own menu.
import { h, icon, iconButton, KAREZ, kept, t } from "./dom.js";
import { confirmDialog, openMenu, toast } from "./dialogs.js";
import { call } from "./gradio.js";
import { problemText } from "./problems.js";
import { setTheme, themeChoice } from "./theme.js";

const SEARCH_MS = 250;

export class Rail {
  constructor({ boot, onOpen, onNew, onAssistant, onRemoved, onToggle, onRenamed }) {
    Object.assign(this, { boot, onOpen, onNew, onAssistant, onRemoved, onToggle, onRenamed });
    this.rows = boot.conversations;
    this.cursor = boot.cursor;
    this.query = "";
    this.brand = h("div", { class: "brand" });
    this.chooser = h("button", { type: "button", class: "chooser", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => this.#chooseAssistant() });
    this.searchBox = h("input", { type: "search", placeholder: t("search"), "aria-label": t("search"), oninput: () => this.#searchSoon() });
    this.list = h("div", { class: "conversations" });
    this.element = h(
      "nav",
      { class: "rail", "aria-label": t("rail"), id: "rail" },
      h("div", { class: "rail-head" }, this.brand, iconButton("sidebar", t("rail_close"), () => this.onToggle(), { class: "icon-button rail-close" })),
      boot.assistants.length > 1 && this.chooser,
      h("button", { type: "button", class: "new", onclick: () => this.onNew() }, icon("plus"), t("new")),
      h("label", { class: "search" }, icon("search", 16), this.searchBox),
      this.list,
      this.#userButton(),
    );
  }

  setAssistant(assistant) {
    this.assistant = assistant;
    this.brand.replaceChildren(brandMark(assistant), h("span", { class: "brand-name" }, assistant?.brand.name || this.boot.tenant || "Karez"));
    this.chooser.setAttribute("aria-label", `${t("assistant_choose")}: ${assistant?.name ?? ""}`);
    this.chooser.replaceChildren(h("span", { class: "chooser-text" }, h("strong", {}, assistant?.name ?? ""), h("small", {}, assistant?.department ?? "")), icon("chevron", 16));
  }

  setCurrent(id) {
    this.current = id;
    this.draw();
  }

  // A conversation was begun, named, or asked in: it is the newest.
  touch(row) {
    if (this.query) return;
    this.rows = [row, ...this.rows.filter((other) => other.id !== row.id)];
    this.draw();
  }

  async reload() {
    try {
      const found = await call("conversations", { query: this.query });
      this.rows = found.conversations;
      this.cursor = found.cursor;
      this.draw();
    } catch (error) {
      if (error.code === "session_expired") throw error;
    }
  }

  draw() {
    const groups = new Map();
    for (const row of this.rows) {
      const name = dayGroup(row.updated_at);
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(row);
    }
    const parts = [...groups].map(([name, rows]) => h("section", {}, h("h2", {}, t(name)), h("ul", {}, rows.map((row) => this.#row(row)))));
    if (!parts.length) parts.push(h("p", { class: "quiet empty-list" }, this.query ? t("search_none", { query: this.query }) : t("list_none")));
    if (this.cursor) parts.push(h("button", { type: "button", class: "more", onclick: () => this.#more() }, t("more")));
    this.list.replaceChildren(...parts);
  }

  #row(row) {
    const title = row.title || t("untitled");
    const link = h("a", { class: "conversation", href: `?c=${encodeURIComponent(row.id)}`, title, "aria-current": row.id === this.current ? "page" : null }, title);
    link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      this.onOpen(row.id);
    });
    const options = iconButton("more", t("options", { title }), () => openMenu(options, [
      { label: t("rename"), icon: icon("pencil", 16), keepFocus: true, onclick: () => this.#rename(row, item) },
      { label: t("delete"), icon: icon("trash", 16), danger: true, onclick: () => this.#remove(row) },
    ]), { class: "icon-button options", "aria-haspopup": "menu", "aria-expanded": "false" });
    const item = h("li", { class: row.id === this.current ? "current" : "" }, link, options);
    return item;
  }

  #rename(row, item) {
    const box = h("input", { class: "rename", value: row.title, maxlength: 200, "aria-label": t("rename") });
    let ended = false;
    const end = async (save) => {
      if (ended) return;
      ended = true;
      const title = box.value.trim();
      const before = row.title;
      if (save && title && title !== before) {
        row.title = title;
        this.onRenamed(row);
        call("rename", { id: row.id, title }).catch((error) => { row.title = before; this.draw(); this.onRenamed(row); toast(problemText(error), "failed"); });
      }
      this.draw();
      this.list.querySelector(`a[href="?c=${CSS.escape(row.id)}"]`)?.focus();
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

  async #remove(row) {
    const title = row.title || t("untitled");
    if (!(await confirmDialog({ title: t("delete_title"), text: t("delete_text", { title }), action: t("delete") }))) return;
    try {
      await call("remove", { id: row.id });
    } catch (error) {
      if (error.status !== 404) { toast(problemText(error), "failed"); return; }
    }
    this.rows = this.rows.filter((other) => other.id !== row.id);
    kept.set("sessionStorage", `karez-draft:${this.boot.user.id}:${row.id}`, "");
    this.draw();
    this.onRemoved(row.id);
  }

  #searchSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.query = this.searchBox.value.trim(); this.reload(); }, SEARCH_MS);
  }

  async #more() {
    try {
      const found = await call("conversations", { query: this.query, cursor: this.cursor });
      const known = new Set(this.rows.map((row) => row.id));
      this.rows = [...this.rows, ...found.conversations.filter((row) => !known.has(row.id))];
      this.cursor = found.cursor;
      this.draw();
    } catch (error) {
      toast(problemText(error), "failed");
    }
  }

  #chooseAssistant() {
    openMenu(this.chooser, this.boot.assistants.map((one) => ({ label: one.name, hint: one.department, icon: brandMark(one), checked: one === this.assistant, onclick: () => this.onAssistant(one) })));
  }

  #userButton() {
    const { user } = this.boot;
    const button = h("button", { type: "button", class: "user", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": `${t("user_menu")}: ${user.name}`, onclick: () => this.#userMenu(button) }, h("span", { class: "avatar", "aria-hidden": "true" }, [...user.name][0]?.toUpperCase() ?? "?"), h("span", { class: "user-text" }, h("strong", {}, user.name), h("small", {}, this.boot.tenant)), icon("more"));
    return button;
  }

  #userMenu(button) {
    const chosen = themeChoice();
    const theme = (name) => ({ label: t(`theme_${name}`), checked: chosen === name, onclick: () => setTheme(name) });
    const language = (name, label) => ({ label, checked: KAREZ.language === name, onclick: () => setLanguage(name) });
    openMenu(button, [
      t("language"), language("zh-hans", "简体中文"), language("en", "English"),
      t("theme"), theme("light"), theme("dark"), theme("system"),
      t("user_menu"),
      this.boot.console && { label: t("console"), icon: icon("console", 16), href: `${KAREZ.prefix}/` },
      { label: t("account"), icon: icon("pencil", 16), href: `${KAREZ.prefix}/account` },
      { label: t("sign_out"), icon: icon("out", 16), onclick: signOut },
    ], { place: "above" });
  }
}

export function brandMark(assistant) {
  const logo = assistant?.brand.logo;
  const letter = h("span", { class: "brand-mark", "aria-hidden": "true" }, [...(assistant?.brand.name || assistant?.name || "K")][0]);
  if (!logo) return letter;
  const image = h("img", { class: "brand-mark", src: logo, alt: "" });
  image.addEventListener("error", () => image.replaceWith(letter));
  return image;
}

function setLanguage(name) {
  document.cookie = `karez_language=${name}; path=${KAREZ.prefix || "/"}; max-age=31536000; samesite=lax`;
  location.reload();
}

// The console ends the session, by a form of its own kind.
function signOut() {
  const token = /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie)?.[1] ?? "";
  const form = h("form", { method: "post", action: `${KAREZ.prefix}/sign-out` }, h("input", { type: "hidden", name: "csrfmiddlewaretoken", value: token }));
  document.body.append(form);
  form.submit();
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
