// The passages beside the picture of their page: choosing one marks its place in both.

const source = document.querySelector("[data-source]");
if (source) setUp(source);

function setUp(source) {
  const image = source.querySelector("[data-page-image]");
  if (image) watch(image, source);
  source.addEventListener("click", (event) => {
    const link = event.target.closest("[data-passage]");
    if (!link || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    choose(source, image, link);
  });
  document.getElementById(`passage-${source.dataset.chosen}`)?.scrollIntoView({ block: "center" });
}

// A page that cannot be drawn leaves its place to the passages.
function watch(image, source) {
  const give = () => {
    image.hidden = true;
    source.querySelector(".source__missing").hidden = false;
    source.classList.add("source--missing");
  };
  if (image.complete && !image.naturalWidth) give();
  image.addEventListener("error", give);
}

function choose(source, image, link) {
  for (const one of source.querySelectorAll(".passage[aria-current]")) one.removeAttribute("aria-current");
  link.closest(".passage").setAttribute("aria-current", "true");
  history.replaceState(null, "", link.href);
  if (image && !image.hidden) image.src = `${image.dataset.address}&highlight=${link.dataset.passage}`;
}
