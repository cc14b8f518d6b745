// Light or dark, and the department's colours in it.
import { kept } from "./dom.js";

const system = window.matchMedia("(prefers-color-scheme: dark)");
let colors = null;

// The console keeps its choice at the same place, and has a word of its own for the system's.
export function themeChoice() {
  const choice = kept.get("localStorage", "karez-theme");
  return ["light", "dark"].includes(choice) ? choice : "system";
}

export function setTheme(choice) {
  kept.set("localStorage", "karez-theme", choice === "system" ? "" : choice);
  apply();
}

export function setColors(given) {
  colors = given;
  apply();
}

function apply() {
  const choice = themeChoice();
  const dark = choice === "dark" || (choice === "system" && system.matches);
  const root = document.documentElement;
  root.dataset.theme = dark ? "dark" : "light";
  // Gradio's own mark of it.
  document.body.classList.toggle("dark", dark);
  const chosen = colors?.[dark ? "dark" : "light"];
  if (!chosen) return;
  root.style.setProperty("--accent", chosen.accent);
  root.style.setProperty("--on-accent", chosen.on_accent);
  root.style.setProperty("--accent-text", chosen.text);
}

system.addEventListener("change", apply);
