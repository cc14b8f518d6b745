// A passage as its document has it: lines of cells between bars, which readers of documents make of tables, as a table.
import { h } from "./dom.js";

const ROW = /^\| .* \|$/;

export function passageOf(text, cited) {
  const parts = partsOf(text).map((part) => (part.rows ? tableOf(part.rows) : cited ? h("mark", {}, part.text) : part.text));
  return h("div", { class: cited ? "passage cited" : "passage" }, parts);
}

function partsOf(text) {
  const parts = [];
  for (const line of text.split("\n")) {
    const cells = ROW.test(line) ? line.slice(2, -2).split(" | ") : null;
    const last = parts.at(-1);
    if (cells && last?.rows?.[0].length === cells.length) last.rows.push(cells);
    else if (cells) parts.push({ rows: [cells], line });
    else if (last && !last.rows) last.text += `\n${line}`;
    else parts.push({ text: line });
  }
  // A row by itself is a line: what it would be the head of is not there, or a cell has a bar of its own.
  return parts.map((part) => (part.rows?.length === 1 ? { text: part.line } : part));
}

function tableOf([head, ...body]) {
  const row = (cells, tag) => h("tr", {}, cells.map((cell) => h(tag, {}, cell)));
  return h("div", { class: "table", tabindex: "0" }, h("table", {}, h("thead", {}, row(head, "th")), h("tbody", {}, body.map((cells) => row(cells, "td")))));
}
