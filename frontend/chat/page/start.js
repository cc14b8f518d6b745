// From Gradio's empty page to ours.
import { h, KAREZ, narrow, sentences, t } from "./dom.js";
import { App } from "./app.js";
import { call } from "./gradio.js";
import { problemText } from "./problems.js";
import { setTheme, themeChoice } from "./theme.js";

const AGAIN_MS = 10000;
const DENIED = {
  tenant_suspended: ["suspended_title", "suspended_text", "suspended_link", `${KAREZ.prefix}/`],
  membership_ended: ["left_title", "left_text", "changed_link", `${KAREZ.path}/`],
};

// Gradio draws its containers when it is ready.
function container() {
  return new Promise((resolve) => {
    const look = () => {
      const found = document.getElementById("karez-chat");
      if (found) { watcher.disconnect(); resolve(found); }
    };
    const watcher = new MutationObserver(look);
    watcher.observe(document.documentElement, { childList: true, subtree: true });
    look();
  });
}

// Gradio writes the browser's language there, whatever the page is in.
function keepLanguage() {
  const root = document.documentElement;
  const set = () => { if (root.lang !== KAREZ.lang) root.lang = KAREZ.lang; };
  new MutationObserver(set).observe(root, { attributes: true, attributeFilter: ["lang"] });
  set();
}

async function start() {
  keepLanguage();
  setTheme(themeChoice());
  const [place, boot] = await Promise.all([container(), call("boot").catch((error) => ({ error }))]);
  if (boot.error) { failedStart(place, boot.error); return; }
  const app = new App(boot);
  place.replaceChildren(app.element);
  document.documentElement.classList.add("ready");
  app.composer.fit();
  if (!narrow.matches) app.composer.focus();
}

// Who may use no assistant is led to their own page, where one signs out: the start leads back to here.
function failedStart(place, error) {
  if (error.code === "session_expired") { location.assign(`${KAREZ.prefix}/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`); return; }
  const denied = error.status === 403 ? (DENIED[error.code] ?? ["denied_title", "denied_text", "denied_link", `${KAREZ.prefix}/account`]) : null;
  const passing = !denied && (error.code === "network" || error.status >= 500 || error.status === 429);
  const title = t(denied ? denied[0] : passing ? "down_title" : "start_failed_title");
  const way = denied
    ? h("a", { class: "button primary", href: denied[3] }, t(denied[2]))
    : h("button", { type: "button", class: "button primary", onclick: () => location.reload() }, t("retry"));
  const text = sentences(denied ? t(denied[1]) : problemText(error), passing && t("start_again"));
  place.replaceChildren(h("div", { class: "karez failed-start" }, h("div", { class: "welcome", role: "alert" }, h("h1", {}, title), h("p", {}, text), way)));
  document.title = title;
  document.documentElement.classList.add("ready");
  if (passing) setTimeout(() => location.reload(), AGAIN_MS);
}

start();
