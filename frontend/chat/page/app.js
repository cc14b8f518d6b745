// The page put together: which conversation is shown, what is asked, and what happens to the answer.
import { h, iconButton, KAREZ, kept, narrow, randomId, t } from "./dom.js";
import { announce, mountMessages, openDialog, toast } from "./dialogs.js";
import { call, stream } from "./gradio.js";
import { Composer } from "./composer.js";
import { Files } from "./files.js";
import { SourcePanel } from "./panel.js";
import { isPassing, isQuota, isRefused, problemText } from "./problems.js";
import { Rail } from "./rail.js";
import { Thread } from "./thread.js";
import { setColors, setTheme, themeChoice } from "./theme.js";

const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const POLL_MS = 3000;

class App {
  constructor(boot) {
    this.boot = boot;
    this.assistant = this.#assistantNamed(new URLSearchParams(location.search).get("assistant")) ?? boot.assistants[0];
    this.conversation = null;
    this.#build();
    this.#listen();
    this.#useAssistant(this.assistant);
    this.rail.draw();
    this.route();
  }

  // --- what is shown

  async route() {
    const asked = new URLSearchParams(location.search);
    const id = asked.get("c");
    if (id) return this.#open(id);
    if (this.#assistantNamed(asked.get("assistant"))) this.#useAssistant(this.#assistantNamed(asked.get("assistant")));
    return this.#begin();
  }

  go(query, { replace = false } = {}) {
    history[replace ? "replaceState" : "pushState"]({}, "", `${KAREZ.path}/${query}`);
    return this.route();
  }

  async #open(id) {
    this.#leave();
    this.conversation = { id, title: "" };
    this.rail.setCurrent(id);
    this.thread.loading();
    const asking = Symbol("open");
    this.opening = asking;
    let found;
    try {
      found = await call("conversation", { id });
    } catch (error) {
      if (this.opening !== asking) return;
      this.#failedToOpen(error, id);
      return;
    }
    if (this.opening !== asking) return;
    const assistant = this.#assistantNamed(found.conversation.assistant);
    this.#useAssistant(assistant ?? this.assistant);
    this.conversation = found.conversation;
    this.#title();
    this.files.show(id, found.files);
    this.#useDraft();
    this.composer.setEnabled(!!assistant);
    if (found.messages.length) this.thread.showMessages(found.messages, this.assistant);
    else this.thread.showEmpty(this.assistant);
    // The platform keeps the older answer until the new one is there: it is not shown beside what takes its place.
    const asked = found.messages.findLast((message) => message.role === "question");
    if (found.running || asked?.status === "received") this.thread.dropAnswer();
    if (found.running) this.#attach(id);
    else if (asked?.status === "received") this.#await(id);
  }

  #begin() {
    this.#leave();
    this.conversation = null;
    this.opening = null;
    this.rail.setCurrent(null);
    this.#title();
    this.files.show(null, []);
    this.#useDraft();
    this.composer.setEnabled(!!this.assistant);
    if (this.assistant) this.thread.showEmpty(this.assistant);
    else this.thread.showNote(t("no_assistants_title"), t("no_assistants_text"));
    if (!narrow.matches) this.composer.focus();
  }

  #failedToOpen(error, id) {
    if (error.code === "session_expired") { this.#expired(); return; }
    this.composer.setEnabled(false);
    if (error.status === 404 || error.status === 400) this.thread.showNote(t("not_found_title"), t("not_found_text"));
    else {
      this.thread.messages.replaceChildren();
      this.thread.addProblem({ problem: error, title: t("error_other"), retry: () => this.#open(id) });
    }
  }

  #useAssistant(assistant) {
    this.assistant = assistant;
    this.rail.setAssistant(assistant);
    if (assistant) setColors(assistant.brand.colors);
    this.subtitle.textContent = assistant?.name ?? "";
  }

  #useDraft() {
    this.composer.use({ key: this.#draftKey(), name: this.assistant?.name ?? "", longest: this.boot.longest_question });
    this.composer.setBusy(!!this.watching);
  }

  #draftKey() {
    return `karez-draft:${this.boot.user.id}:${this.conversation?.id ?? `new:${this.assistant?.slug}`}`;
  }

  #title() {
    const title = this.conversation ? this.conversation.title || t("untitled") : t("new");
    this.heading.textContent = title;
    document.title = this.conversation?.title ? `${title} · ${this.assistant?.name ?? "Karez"}` : this.assistant?.name ?? "Karez";
  }

  // No longer watched here; the answer itself goes on.
  #leave() {
    this.watching?.abort();
    this.watching = null;
    clearTimeout(this.poll);
    this.view?.stopClock();
    this.view = null;
    this.panel.close();
    if (narrow.matches) this.#rail(false);
  }

  // --- asking

  ask(text) {
    if (this.watching || !this.assistant) return;
    this.thread.addQuestion(text);
    this.#run("ask", { text }, text);
  }

  regenerate() {
    if (this.watching || !this.conversation) return;
    this.thread.dropAnswer();
    this.#run("ask", { text: "", regenerate: true });
  }

  async stop() {
    const id = this.conversation?.id;
    if (!id) return;
    try {
      await call("stop", { conversation: id });
    } catch (error) {
      toast(problemText(error), "failed");
    }
  }

  #attach(id) {
    this.#run("watch", { conversation: id });
  }

  // One answer, from the first update to the last; through lost connections.
  async #run(name, given, text = "") {
    const watching = new AbortController();
    this.watching = watching;
    this.composer.setBusy(true);
    const view = this.thread.addAnswer(this.assistant);
    this.view = view;
    // A file is beginning the conversation at this moment.
    if (this.creating) await this.creating.catch(() => {});
    const payload = name === "ask" ? { ...given, submit: randomId(), assistant: this.assistant.slug, conversation: this.conversation?.id ?? "" } : given;
    let ending = null;
    let problem = null;
    view.received = false;
    for (let tries = 0; ; tries += 1) {
      try {
        ending = await this.#follow(name, payload, watching, view);
        break;
      } catch (error) {
        if (watching.signal.aborted) return;
        problem = error;
        if (!isPassing(error, view.received) || tries >= 40) break;
        this.#offline(true);
        await pause(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)], watching.signal);
        // The same submission again is the same question. Only what has answered is watched: the first may not have arrived.
        if (view.received) { name = "watch"; view.restart(); }
        payload.conversation = this.conversation?.id ?? "";
      }
    }
    if (watching.signal.aborted) return;
    this.#offline(false);
    this.watching = null;
    this.view = null;
    this.composer.setBusy(false);
    if (ending?.gone && this.conversation) { this.#open(this.conversation.id); return; }
    this.#finish({ view, ending, problem, text, regenerate: !!given.regenerate });
  }

  async #follow(name, payload, watching, view) {
    let last = null;
    for await (const update of stream(name, payload, watching.signal)) {
      if (watching.signal.aborted) return null;
      if (!this.cut) this.#offline(false);  // a stream may outlive the network that the browser says is gone
      if (!update.gone) view.received = true;
      last = update;
      if (update.gone) return update;
      if (update.conversation) this.#begun(update);
      if (!update.done) view.apply(update);
    }
    return last;
  }

  #begun(update) {
    if (this.conversation?.id === update.conversation) return;
    this.conversation = { id: update.conversation, title: update.question ?? "", assistant: this.assistant.slug, updated_at: new Date().toISOString() };
    history.replaceState({}, "", `${KAREZ.path}/?c=${encodeURIComponent(update.conversation)}`);
    this.files.id ??= update.conversation;
    this.rail.touch(this.conversation);
    this.rail.setCurrent(update.conversation);
    this.#title();
    this.composer.move(this.#draftKey());
  }

  #finish({ view, ending, problem, text, regenerate }) {
    const failure = problem ?? (ending?.problem ? { ...ending.problem, told: ending.problem.message, retryAfter: ending.problem.retry_after } : null);
    if (ending?.message) view.show(ending.message);
    else { view.end(); view.element.remove(); }
    if (failure?.code === "session_expired") {
      if (text) this.#takeBack(text);
      this.#expired();
      return;
    }
    if (failure) this.#failed({ failure, view, ending, text, regenerate });
    else announce(t(ending?.status === "stopped" ? "stopped" : "answered_live"));
    if (ending?.status === "stopped" && !ending.message) this.thread.addProblem({ problem: { code: "stopped", told: t("stopped") }, title: t("failed_title"), detail: t("kept"), retry: () => this.#again(text) });
    this.#refresh();
  }

  async #failed({ failure, view, ending, text, regenerate }) {
    if (regenerate && !ending?.message) {  // the answer that there was is still there
      await this.#open(this.conversation.id);
      toast(problemText(failure), "failed");
      return;
    }
    if (text && isRefused(failure, view.received)) {  // it was never stored: it goes back to where it was typed
      this.#takeBack(text);
      toast(problemText(failure), "failed");
      announce(problemText(failure));
      return;
    }
    const title = ending?.message ? t("broken_title") : t("failed_title");
    // What the gateway turned away was not kept by the platform: it is asked once more as it was.
    const retry = isQuota(failure) ? null : () => this.#again(text);
    if (isQuota(failure) && text) this.composer.restore(text);
    this.thread.addProblem({ problem: failure, title, detail: isQuota(failure) ? "" : t("kept"), retry });
    announce(problemText(failure));
  }

  // The question that was kept is answered; one that was not is asked again.
  async #again(text) {
    if (this.watching) return;
    const id = this.conversation?.id;
    let last = null;
    try {
      const messages = id ? (await call("conversation", { id })).messages : [];
      last = messages.findLast((message) => message.role === "question");
      // It was answered meanwhile, or is being answered.
      if (last && (!text || last.text === text) && (last.status === "received" || ["answered", "refused"].includes(messages.at(-1).status))) { this.#open(id); return; }
    } catch (error) {
      if (error.code === "session_expired") this.#expired();
      else toast(problemText(error), "failed");  // whether it was stored is not known: it is not asked twice
      return;
    }
    if (id && last && (!text || last.text === text)) this.regenerate();
    else if (text) {
      this.thread.dropProblems();
      this.#run("ask", { text }, text);
    }
  }

  #takeBack(text) {
    const questions = this.thread.messages.querySelectorAll(":scope > .question");
    questions[questions.length - 1]?.remove();
    this.composer.restore(text);
  }

  // Answered elsewhere: by another process, or before this one was started.
  #await(id) {
    const view = this.thread.addAnswer(this.assistant);
    view.apply({ queued: null });
    const look = async () => {
      if (this.conversation?.id !== id || this.watching) return;
      try {
        const found = await call("conversation", { id });
        if (this.conversation?.id !== id || this.watching) return;
        const asked = found.messages.findLast((message) => message.role === "question");
        if (asked?.status !== "received") { this.#open(id); return; }
      } catch (error) {
        if (error.code === "session_expired") { this.#expired(); return; }
      }
      this.poll = setTimeout(look, POLL_MS);
    };
    this.poll = setTimeout(look, POLL_MS);
  }

  async #refresh() {
    try {
      await this.rail.reload();
    } catch { this.#expired(); return; }
    const row = this.rail.rows.find((one) => one.id === this.conversation?.id);
    if (row) { this.conversation = row; this.#title(); }
  }

  // --- around it

  #expired() {
    if (this.expired) return;
    this.expired = true;
    const next = encodeURIComponent(location.pathname + location.search);
    openDialog({
      title: t("expired_title"),
      text: t("expired_text"),
      closable: false,
      kind: "expired",
      actions: () => [h("a", { class: "button primary", href: `${KAREZ.prefix}/sign-in?next=${next}` }, t("sign_in"))],
    });
  }

  #offline(lost) {
    if (this.lost === lost) return;
    if (this.lost && !lost) toast(t("online"));
    this.lost = lost;
    this.banner.hidden = !lost;
  }

  #rail(open) {
    this.element.classList.toggle("rail-open", open);
    this.opener.setAttribute("aria-expanded", String(open));
    this.rail.element.inert = !open;
    if (!narrow.matches) kept.set("localStorage", "karez-rail", open ? "" : "closed");
  }

  #assistantNamed(slug) {
    return this.boot.assistants.find((one) => one.slug === slug);
  }

  async #ownConversation() {
    if (this.conversation) return this.conversation.id;
    this.creating ??= call("create", { assistant: this.assistant.slug }).finally(() => { this.creating = null; });
    const { conversation } = await this.creating;
    if (!this.conversation) this.#begun({ conversation: conversation.id, question: "" });
    return conversation.id;
  }

  #build() {
    this.panel = new SourcePanel();
    this.files = new Files({ conversation: () => this.#ownConversation(), onChange: () => this.composer?.filesChanged(), onExpired: () => this.#expired() });
    this.composer = new Composer({ files: this.files, onSend: (text) => this.ask(text), onStop: () => this.stop() });
    this.thread = new Thread({ openSource: (...given) => this.panel.open(...given), onAsk: (text) => this.ask(text), onRegenerate: () => this.regenerate() });
    this.rail = new Rail({
      boot: this.boot,
      onOpen: (id) => this.go(`?c=${encodeURIComponent(id)}`),
      onNew: () => this.go(`?assistant=${encodeURIComponent(this.assistant?.slug ?? "")}`),
      onAssistant: (assistant) => this.go(`?assistant=${encodeURIComponent(assistant.slug)}`),
      onRemoved: (id) => { if (id === this.conversation?.id) this.go("", { replace: true }); },
      onRenamed: (row) => { if (row.id === this.conversation?.id) { this.conversation = row; this.#title(); } },
      onToggle: () => { this.#rail(false); this.opener.focus(); },
    });
    this.opener = iconButton("sidebar", t("rail_open"), () => this.#rail(true), { class: "icon-button rail-open-button", "aria-controls": "rail" });
    this.heading = h("h1", {});
    this.subtitle = h("p", {});
    this.banner = h("div", { class: "banner", role: "alert", hidden: true }, t("offline"));
    this.dropNote = h("div", { class: "drop-note", hidden: true }, t("drop"));
    const top = h("header", { class: "top" }, this.opener, h("div", { class: "top-text" }, this.heading, this.subtitle), iconButton("plus", t("new"), () => this.go(""), { class: "icon-button top-new" }));
    // The landmark `main` is Gradio's, around the whole page; within it are regions.
    const main = h("div", { class: "stage" }, top, this.banner, this.thread.element, this.composer.element, this.dropNote);
    this.element = h("div", { class: "karez" }, h("a", { class: "skip", href: "#question" }, t("skip")), this.rail.element, h("div", { class: "backdrop", onclick: () => this.#rail(false) }), main, this.panel.element);
    mountMessages(this.element);
    this.#rail(!narrow.matches && kept.get("localStorage", "karez-rail") !== "closed");
  }

  #listen() {
    addEventListener("popstate", () => this.route());
    addEventListener("offline", () => { this.cut = true; this.#offline(true); });
    addEventListener("online", () => { this.cut = false; if (!this.watching) this.#offline(false); });
    narrow.addEventListener("change", () => this.#rail(!narrow.matches));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || event.isComposing || event.keyCode === 229 || event.defaultPrevented || document.querySelector("dialog[open], .menu")) return;
      if (this.panel.isOpen) this.panel.close();
      else if (narrow.matches && this.element.classList.contains("rail-open")) this.#rail(false);
      else if (this.watching) this.stop();
    });
    const carries = (event) => event.dataTransfer?.types.includes("Files");
    this.element.addEventListener("dragover", (event) => { if (carries(event)) { event.preventDefault(); this.dropNote.hidden = false; } });
    this.element.addEventListener("dragleave", (event) => { if (!this.element.contains(event.relatedTarget)) this.dropNote.hidden = true; });
    this.element.addEventListener("drop", (event) => {
      this.dropNote.hidden = true;
      if (carries(event)) { event.preventDefault(); this.files.add(event.dataTransfer.files); }
    });
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    addEventListener("online", resolve, { once: true });
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

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

function failedStart(place, error) {
  if (error.code === "session_expired") { location.assign(`${KAREZ.prefix}/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`); return; }
  place.replaceChildren(h("div", { class: "karez failed-start" }, h("div", { class: "welcome" }, h("h1", {}, t("down_title")), h("p", {}, problemText(error)), h("button", { type: "button", class: "button primary", onclick: () => location.reload() }, t("retry")))));
  document.documentElement.classList.add("ready");
  setTimeout(() => location.reload(), 10000);
}

start();
