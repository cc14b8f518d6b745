// The files as a list of which only what can be seen exists: thousands cost no more than ten.

const HEIGHT = 58;
const SPARE = 4;

export class FileList {
  constructor({ frame, texts, onCancel, onRetry, sizeText }) {
    Object.assign(this, { frame, texts, onCancel, onRetry, sizeText });
    this.sheet = document.createElement("div");
    this.sheet.className = "uploads__sheet";
    this.sheet.setAttribute("role", "list");
    frame.append(this.sheet);
    this.rows = new Map();
    this.items = [];
    frame.addEventListener("scroll", () => this.show(), { passive: true });
  }

  set(items) {
    this.items = items;
    this.sheet.style.height = `${items.length * HEIGHT}px`;
    this.show();
  }

  show() {
    const first = Math.max(0, Math.floor(this.frame.scrollTop / HEIGHT) - SPARE);
    const last = Math.min(this.items.length, Math.ceil((this.frame.scrollTop + this.frame.clientHeight) / HEIGHT) + SPARE);
    const seen = new Set();
    for (let at = first; at < last; at += 1) {
      const item = this.items[at];
      seen.add(item.key);
      const row = this.rows.get(item.key) || this.make(item);
      row.place(at, this.items.length);
      row.show();
    }
    for (const [key, row] of this.rows) {
      if (!seen.has(key) && !row.element.contains(document.activeElement)) {
        row.element.remove();
        this.rows.delete(key);
      }
    }
  }

  make(item) {
    const row = new Row(item, this);
    this.rows.set(item.key, row);
    this.sheet.append(row.element);
    return row;
  }
}

// A name as it is shown: what is invisible in it, or turns the direction of reading, must not deceive.
export function shownName(name, texts) {
  return name.replace(/\p{C}/gu, "\ufffd") || texts.unnamed;
}

class Row {
  constructor(item, list) {
    Object.assign(this, { item, list });
    const name = shownName(item.path, list.texts);
    this.element = make("div", "uploads__row");
    this.element.setAttribute("role", "listitem");
    const text = make("div", "uploads__text");
    this.name = make("bdi", "uploads__name", name);
    this.name.title = name;
    this.state = make("div", "uploads__state");
    text.append(this.name, this.state);
    this.bar = document.createElement("progress");
    this.bar.max = 100;
    this.bar.setAttribute("aria-label", name);
    this.cancel = this.button("x", list.texts.cancel.replace("{name}", name), () => list.onCancel(item));
    this.retry = this.button("rotate-ccw", list.texts.retry.replace("{name}", name), () => list.onRetry(item));
    this.element.append(text, this.bar, this.retry, this.cancel);
  }

  button(icon, label, action) {
    const button = make("button", "icon-button");
    button.type = "button";
    button.setAttribute("aria-label", label);
    button.append(this.list.frame.querySelector(`template[data-icon="${icon}"]`).content.cloneNode(true));
    button.addEventListener("click", action);
    return button;
  }

  place(at, total) {
    if (this.at === at && this.total === total) return;
    Object.assign(this, { at, total });
    this.element.style.transform = `translateY(${at * HEIGHT}px)`;
    this.element.setAttribute("aria-posinset", at + 1);
    this.element.setAttribute("aria-setsize", total);
  }

  show() {
    const { item } = this;
    const text = this.words();
    const percent = Math.round(item.share * 100);
    const key = `${item.state}|${text}|${percent}`;
    if (this.shown === key) return;
    this.shown = key;
    this.element.dataset.state = item.state;
    this.state.textContent = text;
    this.state.title = text;
    this.bar.value = percent;
    this.bar.hidden = item.isOver;
    this.cancel.hidden = item.isOver;
    this.retry.hidden = item.state !== "failed" && item.state !== "cancelled";
  }

  words() {
    const { item, list: { texts, sizeText } } = this;
    const version = item.version > 1 ? ` · ${texts.version.replace("{number}", item.version)}` : "";
    if (item.state === "failed") return item.error || texts.failed;
    if (item.state === "same") return item.sameAs && item.sameAs !== item.path.split("/").pop() ? texts.sameAs.replace("{name}", shownName(item.sameAs, texts)) : texts.same;
    if (item.state === "ready") return texts.readyWith.replace("{passages}", item.passages) + version;
    if (item.state === "sending") return `${texts.sending} ${Math.round(item.sent * 100)} % · ${sizeText(item.size)}`;
    if (item.state === "waiting") return `${texts.waiting} · ${sizeText(item.size)}`;
    return texts[item.state] + version;
  }
}

function make(tag, classes, text = "") {
  const element = document.createElement(tag);
  element.className = classes;
  element.textContent = text;
  return element;
}
