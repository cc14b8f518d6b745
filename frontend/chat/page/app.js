// The page put together: which conversation is shown, and whose.
import { h, icon, KAREZ, narrow, t } from "./dom.js";
import { openDialog } from "./dialogs.js";
import { Asking } from "./asking.js";
import { Awaiting, lastQuestion } from "./awaiting.js";
import { actFor, call, isEnded } from "./gradio.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { Files } from "./files.js";
import { Frame } from "./frame.js";
import { SourcePanel } from "./panel.js";
import { Rail } from "./rail.js";
import { Thread } from "./thread.js";
import { setColors } from "./theme.js";

export class App {
  constructor(boot) {
    this.boot = boot;
    this.assistant = this.assistantNamed(new URLSearchParams(location.search).get("assistant")) ?? boot.assistants[0];
    this.conversation = null;
    actFor(boot.owner, (code) => this.#ended(code));
    this.#build();
    addEventListener("popstate", () => this.route());
    this.useAssistant(this.assistant);
    this.rail.draw();
    this.route();
  }

  // --- what is shown

  async route() {
    const asked = new URLSearchParams(location.search);
    const id = asked.get("c");
    if (id) return this.open(id);
    if (this.assistantNamed(asked.get("assistant"))) this.useAssistant(this.assistantNamed(asked.get("assistant")));
    return this.begin();
  }

  go(query, { replace = false } = {}) {
    history[replace ? "replaceState" : "pushState"]({}, "", `${KAREZ.path}/${query}`);
    return this.route();
  }

  async open(id) {
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
    const assistant = this.assistantNamed(found.conversation.assistant);
    this.conversation = found.conversation;
    this.useAssistant(assistant ?? this.assistant, !assistant);
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
    if (found.running) this.asking.attach(id);
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

  begin() {
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
      const own = this.boot.console && h("a", { class: "button primary", href: `${KAREZ.prefix}/assistants/` }, t("no_assistants_link"));
      this.thread.showNote(t("no_assistants_title"), t(own ? "no_assistants_own" : "no_assistants_text"), own);
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
      this.thread.addProblem({ problem: error, title: t("open_failed_title"), retry: () => this.open(id) });
    }
  }

  // `gone`: what is shown is another one's; this one is for what is begun next.
  useAssistant(assistant, gone = false) {
    this.assistant = assistant;
    this.isClosed = gone;
    this.rail.setAssistant(assistant);
    if (assistant) setColors(assistant.brand.colors);
  }

  #useDraft() {
    this.composer.use({ key: this.#draftKey(), name: this.assistant?.name ?? "", longest: this.boot.longest_question });
    this.composer.setBusy(!!this.asking.watching);
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

  #leave() {
    this.asking.leave();
    this.isClosed = false;
    this.thread.setClosed(false);
    this.frame.uncover();
  }

  begun(update) {
    if (this.conversation?.id === update.conversation) return;
    this.conversation = { id: update.conversation, title: update.question ?? "", assistant: this.assistant.slug, updated_at: new Date().toISOString() };
    history.replaceState({}, "", `${KAREZ.path}/?c=${encodeURIComponent(update.conversation)}`);
    this.files.id ??= update.conversation;
    this.rail.touch(this.conversation);
    this.rail.setCurrent(update.conversation);
    this.#title();
    this.composer.move(this.#draftKey());
  }

  async refresh() {
    await this.rail.reload();
    const row = this.rail.rows.find((one) => one.id === this.conversation?.id);
    if (row) { this.conversation = row; this.#title(); }
  }

  // --- around it

  // Nothing more can be done on this page; what was written is kept in this tab.
  #ended(code) {
    if (this.over) return;
    this.over = true;
    const changed = code !== "session_expired";
    const [title, text] = { session_changed: ["changed_title", "changed_text"], membership_ended: ["left_title", "left_text"] }[code] ?? ["expired_title", "expired_text"];
    const next = encodeURIComponent(location.pathname + location.search);
    openDialog({
      title: t(title),
      text: t(text),
      closable: false,
      kind: "expired",
      actions: () => [h("a", { class: "button primary", href: changed ? `${KAREZ.path}/` : `${KAREZ.prefix}/sign-in?next=${next}` }, t(changed ? "changed_link" : "sign_in"))],
    });
  }

  assistantNamed(slug) {
    return this.boot.assistants.find((one) => one.slug === slug);
  }

  async #ownConversation() {
    if (this.conversation) return this.conversation.id;
    this.creating ??= call("create", { assistant: this.assistant.slug }).finally(() => { this.creating = null; });
    const { conversation } = await this.creating;
    if (!this.conversation) this.begun({ conversation: conversation.id, question: "" });
    return conversation.id;
  }

  #build() {
    this.panel = new SourcePanel();
    this.files = new Files({ conversation: () => this.#ownConversation(), onChange: () => this.composer?.filesChanged(), onLeft: () => this.composer.focus() });
    this.composer = new Composer({ files: this.files, onSend: (text) => this.asking.ask(text), onStop: () => this.asking.stop() });
    this.thread = new Thread({ openSource: (...given) => this.panel.open(...given), onAsk: (text) => this.composer.submit(text), onRegenerate: () => this.asking.regenerate() });
    this.awaiting = new Awaiting({ thread: this.thread, onChanged: (id) => this.open(id) });
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
      onEscape: () => { if (this.asking.watching) this.asking.stop(); },
    });
    this.element = this.frame.element;
    const { thread, composer, awaiting, rail } = this;
    this.connection = new Connection({ banner: this.frame.banner, onBack: () => { if (!this.asking.watching) this.connection.setLost(false); } });
    this.asking = new Asking({ page: this, thread, composer, awaiting, rail, connection: this.connection });
  }
}
