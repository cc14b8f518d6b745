// Opening questions: added, removed, and put in order by buttons or by dragging.

export function setUpQuestions(list) {
  const group = list.closest("[role=group]");
  const add = group.querySelector("[data-add]");
  const template = group.querySelector("template");
  const said = group.querySelector("[data-said]");
  const rows = () => [...list.querySelectorAll("[data-question]")];
  const say = (text) => { said.textContent = text; };

  const show = () => {
    const all = rows();
    add.disabled = all.length >= Number(list.dataset.most);
    all.forEach((row, at) => {
      row.querySelector("[data-move=up]").disabled = at === 0;
      row.querySelector("[data-move=down]").disabled = at === all.length - 1;
    });
  };

  const place = (row) => say(`${list.dataset.moved} ${rows().indexOf(row) + 1}`);

  add.addEventListener("click", () => {
    list.append(template.content.cloneNode(true));
    show();
    rows().at(-1).querySelector("input").focus();
  });

  list.addEventListener("click", (event) => {
    const row = event.target.closest("[data-question]");
    const move = event.target.closest("[data-move]");
    if (move) {
      const up = move.dataset.move === "up";
      if (up) row.previousElementSibling?.before(row);
      else row.nextElementSibling?.after(row);
      show();
      (move.disabled ? row.querySelector(`[data-move=${up ? "down" : "up"}]`) : move).focus();
      place(row);
    }
    if (event.target.closest("[data-remove]")) {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      show();
      (next?.querySelector("input") ?? add).focus();
      say(list.dataset.removed);
    }
  });

  // Only the handle drags: the text can still be selected with the mouse.
  let dragged = null;
  list.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("[data-grip]")) return;
    dragged = event.target.closest("[data-question]");
    dragged.classList.add("is-dragged");
    list.setPointerCapture(event.pointerId);
    event.preventDefault();
  });
  list.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    const before = rows().find((row) => row !== dragged && event.clientY < middle(row));
    if (before) before.before(dragged);
    else list.append(dragged);
  });
  const drop = () => {
    if (!dragged) return;
    dragged.classList.remove("is-dragged");
    show();
    place(dragged);
    dragged = null;
  };
  list.addEventListener("pointerup", drop);
  list.addEventListener("pointercancel", drop);
  show();
}

function middle(row) {
  const { top, height } = row.getBoundingClientRect();
  return top + height / 2;
}
