// The head of the chat as it will look, while name, colour and logo are being chosen.

const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

function contrastWithWhite(color) {
  const [red, green, blue] = [1, 3, 5].map((at) => linear(parseInt(color.slice(at, at + 2), 16) / 255));
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}

for (const section of document.querySelectorAll("[data-branding]")) {
  const form = section.querySelector("form");
  const find = (name) => section.querySelector(`[data-brand-${name}]`);
  const show = () => {
    const typed = form.elements.brand_color.value.trim();
    const color = /^#[0-9a-f]{6}$/i.test(typed) ? typed : section.dataset.defaultColor;
    find("fill").setAttribute("fill", color);
    find("text").textContent = form.elements.brand_name.value.trim() || section.dataset.defaultName;
    const contrast = contrastWithWhite(color);
    const told = find("contrast");
    told.textContent = `${contrast >= 4.5 ? told.dataset.good : told.dataset.bad} ${(Math.floor(contrast * 100) / 100).toFixed(2)}:1`;
  };
  const showLogo = () => {
    const [file] = form.elements.logo.files;
    if (file) find("logo").setAttribute("href", URL.createObjectURL(file));
  };
  form.addEventListener("input", show);
  form.elements.logo.addEventListener("change", showLogo);
  show();
}
