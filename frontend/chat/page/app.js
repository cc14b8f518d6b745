// The page put together: which conversation is shown, what is asked, and what happens to the answer.
import { h, icon, KAREZ, narrow, randomId, t } from "./dom.js";
import { announce, openDialog, toast } from "./dialogs.js";
import { Awaiting, lastQuestion } from "./awaiting.js";
import { actFor, call, isEnded, stream } from "./gradio.js";
import { Composer } from "./composer.js";
import { Files } from "./files.js";
import { Frame } from "./frame.js";
import { SourcePanel } from "./panel.js";
import { isAssistantGone, isPassing, isQuota, isRefused, problemText, tell } from "./problems.js";
import { Rail } from "./rail.js";
import { Thread } from "./thread.js";
import { setColors } from "./theme.js";

const RETRY_MS = [500, 1000, 2000, 4000, 8000];

export class App {
  constructor(boot) {
    this.boot = boot;
    this.assistant = this.#assistantNamed(new URLSearchParams(location.search).get("assistant")) ?? boot.assistants[0];
    this.conversation = null;
    actFor(boot.owner, (code) => this.#ended(code));
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
    const listed = this.rail.rows.find((row) => row.id === id);
    this.conversation = { id, title: listed?.title ?? "" };
    this.rail.setCurrent(id);
    this.#title(listed ? "" : t("loading"));
    this.thread.loading();
    this.composer.hold();
    const asking = Symbol("open");
    this.opening = asking;
    let found;
    try {
      found = await call("conversation", { id });
    } catch (error) {
      if (this.opening === asking) this.#failedToOpen(error, id);
      return;
    }
    if (this.opening === asking) this.#show(found);
  }

  #show(found) {
    const { id } = found.conversation;
    const assistant = this.#assistantNamed(found.conversation.assistant);
    this.conversation = found.conversation;
    this.#useAssistant(assistant ?? this.assistant, !assistant);
    this.#title();
    this.files.show(id, found.files);
    this.#useDraft();
    if (assistant) this.composer.setEnabled(true);
    else this.#close(found.conversation.assistant);
    if (found.messages.length || !assistant) this.thread.showMessages(found.messages, assistant);
    else this.thread.showEmpty(assistant);
    // The platform keeps the older answer until the new one is there: it is not shown beside what takes its place.
    const asked = lastQuestion(found.messages);
    if (found.running || asked?.status === "received") this.thread.dropAnswer();
    if (found.running) this.#attach(id);
    else if (asked?.status === "received") this.awaiting.begin(id, this.assistant);
  }

  // Its assistant was deleted, switched off, or is no longer open to this person: it can be read, and no more.
  #close(slug) {
    const told = h("div", {}, h("strong", {}, t(slug ? "closed_title" : "closed_deleted_title")), h("p", {}, t("closed_text")));
    this.composer.setClosed(told, this.#beginButton());
    this.thread.setClosed(true);
  }

  #beginButton() {
    return this.assistant ? h("button", { type: "button", class: "button small", onclick: () => this.go(`?assistant=${encodeURIComponent(this.assistant.slug)}`) }, icon("plus", 15), t("new")) : "";
  }

  #begin() {
    this.#leave();
    this.conversation = null;
    this.opening = null;
    this.rail.setCurrent(null);
    this.#title();
    this.files.show(null, []);
    this.#useDraft();
    if (this.assistant) {
      this.composer.setEnabled(true);
      this.thread.showEmpty(this.assistant);
    } else {
      this.composer.setClosed();
      this.thread.showNote(t("no_assistants_title"), t("no_assistants_text"), "");
    }
    if (!narrow.matches) this.composer.focus();
  }

  #failedToOpen(error, id) {
    if (isEnded(error)) return;
    this.composer.setClosed();
    const missing = error.status === 404 || error.status === 400;
    this.#title(t(missing ? "not_found_title" : "open_failed_title"));
    if (missing) this.thread.showNote(t("not_found_title"), t("not_found_text"), this.#beginButton());
    else {
      this.thread.messages.replaceChildren();
      this.thread.addProblem({ problem: error, title: t("open_failed_title"), retry: () => this.#open(id) });
    }
  }

  // `gone`: what is shown is another one's; this one is for what is begun next.
  #useAssistant(assistant, gone = false) {
    this.assistant = assistant;
    this.isClosed = gone;
    this.rail.setAssistant(assistant);
    if (assistant) setColors(assistant.brand.colors);
  }

  #useDraft() {
    this.composer.use({ key: this.#draftKey(), name: this.assistant?.name ?? "", longest: this.boot.longest_question });
    this.composer.setBusy(!!this.watching);
  }

  #draftKey() {
    return `karez-draft:${this.boot.user.id}:${this.conversation?.id ?? `new:${this.assistant?.slug}`}`;
  }

  #title(instead = "") {
    const own = this.conversation?.title;
    const title = instead || (this.conversation ? own || t("untitled") : t("new"));
    const assistant = this.isClosed ? "" : this.assistant?.name ?? "";
    this.frame.title(title, this.isClosed ? t("closed_subtitle") : assistant);
    document.title = [instead || own, assistant || "Karez"].filter(Boolean).join(" · ");
  }

  // No longer watched here; the answer itself goes on.
  #leave() {
    this.watching?.abort();
    this.watching = null;
    this.awaiting.end();
    this.view?.stopClock();
    this.view = null;
    this.isClosed = false;
    this.thread.setClosed(false);
    this.frame.uncover();
  }

  // --- asking

  ask(text) {
    if (this.watching || !this.assistant || this.isClosed) return;
    this.thread.addQuestion(text);
    this.#run("ask", { text }, text);
  }

  regenerate() {
    if (this.watching || !this.conversation || this.isClosed) return;
    this.thread.dropAnswer();
    this.#run("ask", { text: "", regenerate: true });
  }

  async stop() {
    const id = this.conversation?.id;
    if (!id) return;
    try {
      await call("stop", { conversation: id });
    } catch (error) {
      tell(error);
    }
  }

  #attach(id) {
    this.#run("watch", { conversation: id });
  }

  // One answer, from the first update to the last; through lost connections.
  async #run(name, given, text = "") {
    const watching = new AbortController();
    this.watching = watching;
    const overtaken = this.awaiting.end();
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
    if (ending?.gone && this.conversation) {
      if (!ending.crowded) { this.#open(this.conversation.id); return; }
      view.end();
      view.element.remove();
      this.awaiting.begin(this.conversation.id, this.assistant);
      return;
    }
    // An answer that was awaited from elsewhere may have come meanwhile.
    if (overtaken && !problem && !ending?.problem) { this.#open(this.conversation.id); this.rail.reload(); return; }
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
    if (failure && isEnded(failure)) {
      if (text) this.#takeBack(text);
      return;
    }
    if (failure) this.#failed({ failure, view, ending, text, regenerate });
    else announce(t(ending?.status === "stopped" ? "stopped" : "answered_live"));
    if (ending?.status === "stopped" && !ending.message) this.thread.addProblem({ problem: { code: "stopped", told: t("nothing_written") }, title: t("stopped"), detail: t("kept"), retry: () => this.#again(text) });
    this.#refresh();
  }

  async #failed({ failure, view, ending, text, regenerate }) {
    if (isAssistantGone(failure) && !ending?.message) {
      if (text) this.#takeBack(text);
      await this.#lookAgain(failure);
      return;
    }
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

  // The assistant is no longer among those that may be asked, or the conversation is gone: what there is now is shown.
  async #lookAgain(failure) {
    tell(failure);
    try {
      this.boot.assistants = (await call("boot")).assistants;
    } catch { /* what was known then */ }
    const text = this.composer.area.value;
    this.#useAssistant(this.#assistantNamed(this.assistant.slug) ?? this.boot.assistants[0] ?? null);
    if (this.conversation) { this.#open(this.conversation.id); return; }
    this.#begin();
    this.composer.restore(text);
  }

  // The question that was kept is answered; one that was not is asked again.
  async #again(text) {
    if (this.watching) return;
    const id = this.conversation?.id;
    let last = null;
    try {
      const messages = id ? (await call("conversation", { id })).messages : [];
      last = lastQuestion(messages);
      // It was answered meanwhile, or is being answered.
      if (last && (!text || last.text === text) && (last.status === "received" || ["answered", "refused"].includes(messages.at(-1).status))) { this.#open(id); return; }
    } catch (error) {
      tell(error);  // whether it was stored is not known: it is not asked twice
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

  async #refresh() {
    await this.rail.reload();
    const row = this.rail.rows.find((one) => one.id === this.conversation?.id);
    if (row) { this.conversation = row; this.#title(); }
  }

  // --- around it

  // Nothing more can be done on this page; what was written is kept in this tab.
  #ended(code) {
    if (this.over) return;
    this.over = true;
    const changed = code === "session_changed";
    const next = encodeURIComponent(location.pathname + location.search);
    openDialog({
      title: t(changed ? "changed_title" : "expired_title"),
      text: t(changed ? "changed_text" : "expired_text"),
      closable: false,
      kind: "expired",
      actions: () => [h("a", { class: "button primary", href: changed ? `${KAREZ.path}/` : `${KAREZ.prefix}/sign-in?next=${next}` }, t(changed ? "changed_link" : "sign_in"))],
    });
  }

  #offline(lost) {
    if (this.lost === lost) return;
    if (this.lost && !lost) toast(t("online"));
    this.lost = lost;
    this.frame.banner.hidden = !lost;
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
    this.files = new Files({ conversation: () => this.#ownConversation(), onChange: () => this.composer?.filesChanged(), onLeft: () => this.composer.focus() });
    this.composer = new Composer({ files: this.files, onSend: (text) => this.ask(text), onStop: () => this.stop() });
    this.thread = new Thread({ openSource: (...given) => this.panel.open(...given), onAsk: (text) => this.composer.submit(text), onRegenerate: () => this.regenerate() });
    this.awaiting = new Awaiting({ thread: this.thread, onChanged: (id) => this.#open(id) });
    this.rail = new Rail({
      boot: this.boot,
      onOpen: (id) => this.go(`?c=${encodeURIComponent(id)}`),
      onNew: () => this.go(`?assistant=${encodeURIComponent(this.assistant?.slug ?? "")}`),
      onAssistant: (assistant) => this.go(`?assistant=${encodeURIComponent(assistant.slug)}`),
      onRemoved: (id) => { if (id === this.conversation?.id) this.go("", { replace: true }); },
      onRenamed: (row) => { if (row.id === this.conversation?.id) { this.conversation = row; this.#title(); } },
      onToggle: () => this.frame.closeRail(),
    });
    this.frame = new Frame({
      rail: this.rail,
      thread: this.thread,
      composer: this.composer,
      panel: this.panel,
      onNew: () => this.go(""),
      takesFiles: () => !this.composer.off,
      onFiles: (files) => this.files.add(files),
      onEscape: () => { if (this.watching) this.stop(); },
    });
    this.element = this.frame.element;
  }

  #listen() {
    addEventListener("popstate", () => this.route());
    addEventListener("offline", () => { this.cut = true; this.#offline(true); });
    addEventListener("online", () => { this.cut = false; if (!this.watching) this.#offline(false); });
  }
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    addEventListener("online", resolve, { once: true });
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
