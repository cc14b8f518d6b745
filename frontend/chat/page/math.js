// Formulas, with the KaTeX that Gradio brings. It is loaded when the first one is there.
import { KAREZ } from "./dom.js";

let loading = null;
const made = new Map();

function load() {
  if (!KAREZ.katex.js) return Promise.reject(new Error("no KaTeX"));
  const sheet = document.createElement("link");
  sheet.rel = "stylesheet";
  sheet.href = KAREZ.katex.css;
  document.head.append(sheet);
  return import(KAREZ.katex.js).then((module) => module.default);
}

export function setMath(root) {
  const formulas = root.querySelectorAll(".math");
  if (!formulas.length) return;
  loading ??= load();
  loading.then((katex) => formulas.forEach((node) => typeset(katex, node)), () => {});
}

function typeset(katex, node) {
  const displayMode = node.hasAttribute("data-display");
  const key = `${displayMode}${node.textContent}`;
  if (!made.has(key)) {
    if (made.size > 300) made.clear();
    // Formulas are the document's too: no links, no growth.
    made.set(key, katex.renderToString(node.textContent, { displayMode, throwOnError: false, trust: false, strict: "ignore", maxSize: 30, maxExpand: 200 }));
  }
  node.innerHTML = made.get(key);
  node.classList.replace("math", "math-set");
  if (displayMode) node.tabIndex = 0;
}
