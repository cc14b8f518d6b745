// Where a passage stands, in words.
import { t } from "./dom.js";

// The pages from its first to its last, and the way to it inside its document. `last`: of a passage over several pages.
export function placeOf(citation, last = citation.page_end) {
  const pages = !citation.page ? "" : last > citation.page ? t("pages", { from: citation.page, to: last }) : t("page", citation);
  return [pages, sectionOf(citation)].filter(Boolean).join(" · ");
}

// Without the document's own heading in front, which is its title already.
function sectionOf({ title, section }) {
  const [first, ...rest] = section.split(" > ");
  return first === title ? rest.join(" > ") : section;
}
