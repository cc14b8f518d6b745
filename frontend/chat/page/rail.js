// The sidebar: who answers, the conversations, and the person's own menu.
import { h, icon, iconButton, KAREZ, kept, t } from "./dom.js";
import { Conversations } from "./conversations.js";
import { confirmDialog, openMenu } from "./dialogs.js";
import { call } from "./gradio.js";
import { tell } from "./problems.js";
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
    this.list = new Conversations({ onOpen: (id) => this.onOpen(id), onRename: (row, title) => this.#rename(row, title), onRemove: (row) => this.#remove(row), onMore: () => this.#more() });
    this.newButton = h("button", { type: "button", class: "new", onclick: () => this.onNew() }, icon("plus"), t("new"));
    this.turn = 0;
    this.element = h(
      "nav",
      { class: "rail", "aria-label": t("rail"), id: "rail" },
      h("div", { class: "rail-head" }, this.brand, iconButton("sidebar", t("rail_close"), () => this.onToggle(), { class: "icon-button rail-close" })),
      this.chooser,
      this.newButton,
      h("label", { class: "search" }, icon("search", 16), this.searchBox),
      this.list.element,
      this.#userButton(),
    );
  }

  setAssistant(assistant) {
    this.assistant = assistant;
    this.chooser.hidden = this.boot.assistants.length < 2;
    const brand = assistant?.brand.name || this.boot.tenant || "Karez";
    this.brand.replaceChildren(brandMark(assistant), h("span", { class: "brand-name" }, brand));
    this.chooser.setAttribute("aria-label", `${t("assistant_choose")}: ${assistant?.name ?? ""}`);
    this.chooser.replaceChildren(h("span", { class: "chooser-text" }, h("strong", {}, assistant?.name ?? ""), assistant?.department !== brand && h("small", {}, assistant?.department ?? "")), icon("chevron", 16));
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
    const turn = this.turn += 1;
    try {
      const found = await call("conversations", { query: this.query });
      // An answer that was overtaken is about another search.
      if (turn !== this.turn) return;
      this.rows = found.conversations;
      this.cursor = found.cursor;
      this.draw();
    } catch { /* what is shown is still true enough */ }
  }

  draw() {
    this.list.draw({ rows: this.rows, current: this.current, query: this.query, cursor: this.cursor });
  }

  #rename(row, title) {
    const before = row.title;
    row.title = title;
    this.onRenamed(row);
    call("rename", { id: row.id, title }).catch((error) => {
      row.title = before;
      this.draw();
      this.onRenamed(row);
      tell(error);
    });
  }

  async #remove(row) {
    const title = row.title || t("untitled");
    if (!(await confirmDialog({ title: t("delete_title"), text: t("delete_text", { title }), action: t("delete") }))) return;
    try {
      await call("remove", { id: row.id });
    } catch (error) {
      if (error.status !== 404) { tell(error); return; }
    }
    const at = this.rows.findIndex((other) => other.id === row.id);
    this.rows = this.rows.filter((other) => other.id !== row.id);
    kept.set("sessionStorage", `karez-draft:${this.boot.user.id}:${row.id}`, "");
    this.draw();
    const next = this.rows[at] ?? this.rows[at - 1];
    if (!next || !this.list.focus(next.id)) this.newButton.focus();
    this.onRemoved(row.id);
  }

  #searchSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { this.query = this.searchBox.value.trim(); this.reload(); }, SEARCH_MS);
  }

  async #more() {
    const turn = this.turn;
    try {
      const found = await call("conversations", { query: this.query, cursor: this.cursor });
      if (turn !== this.turn) return;
      const known = new Set(this.rows.map((row) => row.id));
      const added = found.conversations.filter((row) => !known.has(row.id));
      this.rows = [...this.rows, ...added];
      this.cursor = found.cursor;
      this.draw();
      if (!this.cursor && added.length) this.list.focus(added[0].id);
    } catch (error) {
      tell(error);
    }
  }

  #chooseAssistant() {
    const differ = new Set(this.boot.assistants.map((one) => one.department)).size > 1;
    openMenu(this.chooser, this.boot.assistants.map((one) => ({ label: one.name, hint: differ && one.department, icon: brandMark(one), checked: one === this.assistant, onclick: () => this.onAssistant(one) })));
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
