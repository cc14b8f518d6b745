// Ctrl+K (⌘K), or "/" outside of fields: the search of the whole console. Arrows move, Enter opens, Esc closes.

export function setUpPalette() {
  const palette = document.getElementById("palette");
  if (!palette) return;
  const field = palette.querySelector("input");
  const open = () => {
    if (palette.open) return;
    palette.showModal();
    field.select();
    field.dispatchEvent(new Event("palette-open"));
  };
  document.addEventListener("keydown", (event) => {
    const shortcut = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k";
    const slash = event.key === "/" && !event.target.closest("input, textarea, select, [contenteditable]");
    if (shortcut || slash) {
      event.preventDefault();
      open();
    }
  });
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-palette-open]")) return;
    event.preventDefault();
    open();
  });
  palette.addEventListener("keydown", (event) => {
    // A search field would take the first Esc for itself, and only empty itself. What was written is still there next time.
    if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault();
      palette.close();
    }
    move(palette, field, event);
  });
  palette.querySelector("form").addEventListener("submit", (event) => {
    const first = palette.querySelector(".palette__hit");
    if (!first) return;
    event.preventDefault();
    first.click();
  });
}

function move(palette, field, event) {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  event.preventDefault();
  const places = [field, ...palette.querySelectorAll(".palette__hit")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = places.indexOf(document.activeElement);
  places[(at + step + places.length) % places.length].focus();
}
