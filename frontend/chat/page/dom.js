// Building the page. Text is always text: the one place that takes HTML is `blocks`, for what the server has rendered.

export const KAREZ = window.KAREZ;

export function t(name, values = {}) {
  const text = KAREZ.texts[name] ?? name;
  return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
}

// Chinese sentences stand side by side.
export function sentences(...parts) {
  return parts.filter(Boolean).join(KAREZ.language === "en" ? " " : "");
}

export function h(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else if (name === "style") node.style.cssText = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const PATHS = {
  plus: "M12 5v14M5 12h14",
  search: "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM20 20l-4-4",
  sidebar: "M4 5h16v14H4zM9.5 5v14",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  pencil: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
  trash: "M5 7h14M10 7V5h4v2M7 7l1 13h8l1-13M10 11v5M14 11v5",
  close: "M6 6l12 12M18 6 6 18",
  send: "M12 19V5M6 11l6-6 6 6",
  clip: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.5 3.5 0 0 1 5 5l-8.5 8.5a2 2 0 0 1-3-3L14 7",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 12.5l4.5 4.5L19 7",
  again: "M20 11a8 8 0 1 0-2.3 6.3M20 5v6h-6",
  up: "M7 20V10l4-7c1.5 0 2.5 1 2.2 2.6L12.7 9H19c1.3 0 2 1.1 1.7 2.3l-1.6 7c-.2 1-1 1.7-2 1.7zM7 10H3.5v10H7",
  down: "M17 4v10l-4 7c-1.5 0-2.5-1-2.2-2.6l.5-3.4H5c-1.3 0-2-1.1-1.7-2.3l1.6-7c.2-1 1-1.7 2-1.7zM17 14h3.5V4H17",
  chevron: "M6 9l6 6 6-6",
  left: "M15 6l-6 6 6 6",
  right: "M9 6l6 6-6 6",
  open: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
  file: "M6 3h8l5 5v13H6zM14 3v5h5",
  spark: "M12 3l1.9 5.6L19.5 10.500l-5.600 1.900L12 18l-1.900-5.600L4.500 10.500l5.600-1.900z",
  warn: "M12 4 2.500 20h19zM12 10v4M12 17h.01",
  quiet: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM12 8h.01M11 12h1v5h1",
  bottom: "M12 5v14M6 13l6 6 6-6",
  out: "M9 4H5v16h4M14 8l4 4-4 4M18 12H9",
  console: "M4 5h16v11H4zM9 20h6M12 16v4",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM12 3v1.500M12 19.500V21M3 12h1.500M19.500 12H21M5.600 5.600l1 1M17.400 17.400l1 1M5.600 18.400l1-1M17.400 6.600l1-1",
  globe: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM3 12h18M12 3c3 3 3 15 0 18M12 3c-3 3-3 15 0 18",
};

export function icon(name, size = 18) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const given = { viewBox: "0 0 24 24", width: size, height: size, fill: "none", stroke: "currentColor", "stroke-width": name === "more" ? 2.6 : 1.8, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true", class: "icon" };
  for (const [key, value] of Object.entries(given)) svg.setAttribute(key, value);
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

export function iconButton(name, label, onclick, properties = {}) {
  return h("button", { type: "button", class: "icon-button", "aria-label": label, title: label, onclick, ...properties }, icon(name));
}

// Puts children in their order, and leaves alone what stands there already: what has the focus keeps it.
export function arrange(parent, children) {
  const focused = document.activeElement;
  const wanted = new Set(children);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  children.forEach((child, place) => { if (parent.children[place] !== child) parent.insertBefore(child, parent.children[place] ?? null); });
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
}

// Blocks of HTML that the server has rendered and made safe; `changed` holds [place, html].
export function patchBlocks(container, changed, count, decorate) {
  while (container.children.length > count) container.lastElementChild.remove();
  for (const [place, html] of changed) {
    while (container.children.length <= place) container.append(h("div", { class: "block" }));
    const block = container.children[place];
    block.innerHTML = html;
    decorate(block);
  }
}

export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Without HTTPS there is no clipboard to write to.
    const area = h("textarea", { class: "offscreen", value: text, "aria-hidden": "true" });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

// Storage may be refused by the browser; nothing depends on it.
export const kept = {
  get: (store, key) => { try { return window[store].getItem(key); } catch { return null; } },
  set: (store, key, value) => {
    try {
      if (value) window[store].setItem(key, value);
      else window[store].removeItem(key);
    } catch { /* full or refused */ }
  },
};

export const narrow = window.matchMedia("(max-width: 900px)");
