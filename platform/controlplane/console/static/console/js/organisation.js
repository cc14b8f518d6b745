// Pages about people, keys and departments.

// What is shown once must not come again: a reload or the back button leads to the list instead of sending the form anew.
for (const page of document.querySelectorAll("[data-shown-once]")) history.replaceState(null, "", page.dataset.shownOnce);

// A dialog whose form was refused is open when the page comes back.
for (const dialog of document.querySelectorAll("dialog[data-opened]")) dialog.showModal();

// <button data-saves="text" data-filename>: a file made here, so that the server keeps no secret for a second request.
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-saves]");
  if (!button) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(["\ufeff", button.dataset.saves], { type: "text/csv;charset=utf-8" }));
  link.download = button.dataset.filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

// Name and password are for a new account only.
for (const form of document.querySelectorAll("form[data-person-form]")) {
  const show = () => {
    const isNew = form.elements.account.value !== "existing";
    for (const name of ["name", "password"]) form.elements[name].closest(".field").hidden = !isNew;
  };
  form.addEventListener("change", show);
  show();
}
