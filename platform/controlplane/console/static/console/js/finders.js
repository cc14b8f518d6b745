// Long lists: a <select> of more options than one sees at once becomes a field to type in, and boxes to tick get one above them.
// The <select> stays, hidden, and is what the form sends; without scripts nothing changes.

const MANY = 15;
let made = 0;

export function setUpFinders(scope) {
  for (const select of scope.querySelectorAll("select:not([multiple], [data-finder])")) if (select.options.length > MANY) combobox(select);
  for (const boxes of scope.querySelectorAll("fieldset:is(.bases, .picker__list):not([data-finder])")) if (boxes.querySelectorAll("label").length > MANY) sieve(boxes);
}

function element(name, attributes) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function combobox(select) {
  const id = select.dataset.finder = `finder-${++made}`;
  const list = element("ul", { id: `${id}-list`, role: "listbox", class: "finder__list", hidden: "" });
  const input = element("input", { id, type: "text", role: "combobox", class: "finder__input", autocomplete: "off", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id, placeholder: document.body.dataset.finds });
  for (const name of ["aria-label", "aria-describedby", "aria-invalid"]) if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
  const label = select.labels[0];
  if (label) { label.htmlFor = id; list.setAttribute("aria-label", label.textContent.trim()); } else list.setAttribute("aria-label", input.ariaLabel ?? "");
  const box = element("div", { class: "finder" });
  select.before(box);
  box.append(select, input, list);
  select.hidden = true;
  let active = -1;

  const shown = () => [...list.querySelectorAll("[data-at]")];
  const rest = () => { input.value = select.selectedOptions[0]?.value ? select.selectedOptions[0].text.trim() : ""; input.placeholder = select.options[0]?.value ? document.body.dataset.finds : select.options[0].text; };
  const close = () => { list.hidden = true; active = -1; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); };
  const mark = (at) => {
    const rows = shown();
    active = rows.length ? (at + rows.length) % rows.length : -1;
    rows.forEach((row, place) => row.classList.toggle("is-active", place === active));
    if (active < 0) { input.removeAttribute("aria-activedescendant"); return; }
    input.setAttribute("aria-activedescendant", rows[active].id);
    rows[active].scrollIntoView({ block: "nearest" });
  };
  const open = (text) => {
    const wanted = text.trim().toLocaleLowerCase();
    const fits = [...select.options].filter((option) => option.text.toLocaleLowerCase().includes(wanted));
    list.replaceChildren(...fits.map((option) => {
      const row = element("li", { id: `${id}-${option.index}`, role: "option", "data-at": option.index, "aria-selected": String(option.selected) });
      row.textContent = wanted ? option.text.trim() : option.text;
      return row;
    }));
    if (!fits.length) { const none = element("li", { role: "option", "aria-disabled": "true", class: "finder__none" }); none.textContent = document.body.dataset.findsNone; list.append(none); }
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    mark(wanted ? 0 : fits.findIndex((option) => option.selected));
  };
  const choose = (row) => {
    close();
    const changed = select.selectedIndex !== Number(row.dataset.at);
    select.selectedIndex = Number(row.dataset.at);
    rest();
    if (changed) for (const kind of ["input", "change"]) select.dispatchEvent(new Event(kind, { bubbles: true }));
  };

  // What is typed here is nobody else's: forms of filters send themselves at each input.
  for (const kind of ["input", "change"]) input.addEventListener(kind, (event) => event.stopPropagation());
  input.addEventListener("input", () => open(input.value));
  input.addEventListener("click", () => { if (list.hidden) { input.select(); open(""); } });
  input.addEventListener("blur", () => { close(); rest(); });
  input.addEventListener("keydown", (event) => {
    const isOpen = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { if (isOpen) mark(active < 0 && event.key === "ArrowUp" ? -1 : active + (event.key === "ArrowDown" ? 1 : -1)); else open(""); } else if (event.key === "Enter" && isOpen) { if (shown()[active]) choose(shown()[active]); } else if (event.key === "Escape" && isOpen) { close(); rest(); } else return;
    event.preventDefault();
    event.stopPropagation();
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => { const row = event.target.closest("[data-at]"); if (row) choose(row); });
  rest();
}

function sieve(boxes) {
  boxes.dataset.finder = `finder-${++made}`;
  const input = element("input", { type: "search", class: "finder__input finder__sieve", autocomplete: "off", placeholder: document.body.dataset.finds, "aria-label": `${document.body.dataset.finds}: ${boxes.querySelector("legend")?.textContent.trim() ?? ""}` });
  const none = element("p", { class: "muted small", role: "status" });
  const legend = boxes.querySelector("legend");
  if (legend) legend.after(input); else boxes.prepend(input);
  boxes.append(none);
  input.addEventListener("change", (event) => event.stopPropagation());
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
  input.addEventListener("input", (event) => {
    event.stopPropagation();
    const wanted = input.value.trim().toLocaleLowerCase();
    let left = 0;
    for (const label of boxes.querySelectorAll("label")) {
      label.hidden = !label.textContent.toLocaleLowerCase().includes(wanted);
      left += label.hidden ? 0 : 1;
    }
    none.textContent = left ? "" : document.body.dataset.findsNone;
  });
}
