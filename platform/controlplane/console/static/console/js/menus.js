// Menus (<details data-menu>) and the drawer of the phone layout.

export function setUpMenus() {
  document.addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const opener = event.target.closest("[data-drawer-open]");
    if (opener) setDrawer(opener.dataset.drawerOpen, true);
    const closer = event.target.closest("[data-drawer-close]");
    if (closer) setDrawer(closer.dataset.drawerClose, false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeAll();
    if (event.key === "ArrowDown" || event.key === "ArrowUp") moveInMenu(event);
  });
  document.addEventListener("focusin", (event) => {
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });
}

function closeAll() {
  const menu = document.querySelector("details[data-menu][open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  for (const drawer of document.querySelectorAll("[data-drawer].is-open")) setDrawer(drawer.id, false);
}

function moveInMenu(event) {
  const menu = event.target.closest?.("details[data-menu][open]");
  if (!menu) return;
  const items = [...menu.querySelectorAll("a[href], button:not(:disabled)")];
  const step = event.key === "ArrowDown" ? 1 : -1;
  const at = items.indexOf(document.activeElement);
  items[(at + step + items.length) % items.length]?.focus();
  event.preventDefault();
}

function setDrawer(id, open) {
  const drawer = document.getElementById(id);
  const opener = document.querySelector(`[data-drawer-open="${id}"]`);
  drawer.classList.toggle("is-open", open);
  opener?.setAttribute("aria-expanded", String(open));
  for (const shade of document.querySelectorAll(`.drawer-shade[data-drawer-close="${id}"]`)) shade.hidden = !open;
  if (open) drawer.querySelector("a, button").focus();
  else opener?.focus();
}
