// Short messages at the edge of the page; a screen reader says them.

const SECONDS = 8;

export function toast(text) {
  const shelf = document.getElementById("toasts");
  const item = document.createElement("div");
  item.className = "toast";
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = shelf.dataset.dismiss;
  close.addEventListener("click", () => item.remove());
  item.append(words, close);
  shelf.append(item);
  setTimeout(() => item.remove(), SECONDS * 1000);
}
