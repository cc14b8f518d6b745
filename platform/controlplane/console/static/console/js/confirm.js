// One dialog for all rows of a list: <button data-opens="dialog" data-confirms="address of the form" data-name="what it is about">.

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-confirms]");
  if (!button) return;
  const dialog = document.getElementById(button.dataset.opens);
  dialog.querySelector("[data-confirm-form]").action = button.dataset.confirms;
  dialog.querySelector("[data-confirm-name]").textContent = button.dataset.name;
}, { capture: true });
