// Before anything is painted, so that a dark page does not flash white. Not a module: modules wait for the document.
(() => {
  const root = document.documentElement;
  root.classList.remove("no-js");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const chosen = () => {
    try { return localStorage.getItem("karez-theme") || "auto"; } catch { return "auto"; }
  };
  const apply = () => {
    const choice = chosen();
    root.dataset.theme = choice === "auto" ? (system.matches ? "dark" : "light") : choice;
    root.dataset.themeChoice = choice;
  };
  apply();
  system.addEventListener("change", apply);
  addEventListener("storage", apply);
  window.karezTheme = (choice) => {
    try { localStorage.setItem("karez-theme", choice); } catch { /* a browser without storage keeps it for the page */ }
    apply();
    if (chosen() !== choice) root.dataset.theme = choice === "auto" ? (system.matches ? "dark" : "light") : choice;
  };
})();
