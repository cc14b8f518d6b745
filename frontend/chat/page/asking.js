// A question and its answer: sent, followed through lost connections, stopped, and what becomes of it when it fails.
import { randomId, t } from "./dom.js";
import { announce, toast } from "./dialogs.js";
import { lastQuestion } from "./awaiting.js";
import { pause } from "./connection.js";
import { call, isEnded, stream } from "./gradio.js";
import { isAssistantGone, isPassing, isQuota, isRefused, problemText, tell } from "./problems.js";

const RETRY_MS = [500, 1000, 2000, 4000, 8000];

export class Asking {
  // `page`: which conversation is shown, of which assistant, and what shows another.
  constructor({ page, thread, composer, awaiting, rail, connection }) {
    Object.assign(this, { page, thread, composer, awaiting, rail, connection });
    this.watching = null;
    this.view = null;
  }

  // No longer watched here; the answer itself goes on.
  leave() {
    this.watching?.abort();
    this.watching = null;
    this.awaiting.end();
    this.view?.stopClock();
    this.view = null;
  }

  ask(text) {
    if (this.watching || !this.page.assistant || this.page.isClosed) return;
    this.thread.addQuestion(text);
    this.#run("ask", { text }, text);
  }

  regenerate() {
    if (this.watching || !this.page.conversation || this.page.isClosed) return;
    this.thread.dropAnswer();
    this.#run("ask", { text: "", regenerate: true });
  }

  async stop() {
    const id = this.page.conversation?.id;
    if (!id) return;
    try {
      await call("stop", { conversation: id });
    } catch (error) {
      tell(error);
    }
  }

  // An answer that is being given already.
  attach(id) {
    this.#run("watch", { conversation: id });
  }

  // One answer, from the first update to the last; through lost connections.
  async #run(name, given, text = "") {
    const watching = new AbortController();
    this.watching = watching;
    const overtaken = this.awaiting.end();
    this.composer.setBusy(true);
    const view = this.thread.addAnswer(this.page.assistant);
    this.view = view;
    // A file is beginning the conversation at this moment.
    if (this.page.creating) await this.page.creating.catch(() => {});
    const payload = name === "ask" ? { ...given, submit: randomId(), assistant: this.page.assistant.slug, conversation: this.page.conversation?.id ?? "" } : given;
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
        this.connection.setLost(true);
        await pause(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)], watching.signal);
        // The same submission again is the same question. Only what has answered is watched: the first may not have arrived.
        if (view.received) { name = "watch"; view.restart(); }
        payload.conversation = this.page.conversation?.id ?? "";
      }
    }
    if (watching.signal.aborted) return;
    this.connection.setLost(false);
    this.watching = null;
    this.view = null;
    this.composer.setBusy(false);
    if (ending?.gone && this.page.conversation) {
      if (!ending.crowded) { this.page.open(this.page.conversation.id); return; }
      view.end();
      view.element.remove();
      this.awaiting.begin(this.page.conversation.id, this.page.assistant);
      return;
    }
    // An answer that was awaited from elsewhere may have come meanwhile.
    if (overtaken && !problem && !ending?.problem) { this.page.open(this.page.conversation.id); this.rail.reload(); return; }
    this.#finish({ view, ending, problem, text, regenerate: !!given.regenerate });
  }

  async #follow(name, payload, watching, view) {
    let last = null;
    for await (const update of stream(name, payload, watching.signal)) {
      if (watching.signal.aborted) return null;
      if (!this.connection.isCut) this.connection.setLost(false);  // a stream may outlive the network that the browser says is gone
      if (!update.gone) view.received = true;
      last = update;
      if (update.gone) return update;
      if (update.conversation) this.page.begun(update);
      if (!update.done) view.apply(update);
    }
    return last;
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
    if (ending?.status === "stopped" && !ending.message) this.thread.addStopped(() => this.#again(text));
    this.page.refresh();
  }

  async #failed({ failure, view, ending, text, regenerate }) {
    if (isAssistantGone(failure) && !ending?.message) {
      if (text) this.#takeBack(text);
      await this.#lookAgain(failure);
      return;
    }
    if (regenerate && !ending?.message) {  // the answer that there was is still there
      await this.page.open(this.page.conversation.id);
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
      this.page.boot.assistants = (await call("boot")).assistants;
    } catch { /* what was known then */ }
    const text = this.composer.area.value;
    this.page.useAssistant(this.page.assistantNamed(this.page.assistant.slug) ?? this.page.boot.assistants[0] ?? null);
    if (this.page.conversation) { this.page.open(this.page.conversation.id); return; }
    this.page.begin();
    this.composer.restore(text);
  }

  // The question that was kept is answered; one that was not is asked again.
  async #again(text) {
    if (this.watching) return;
    const id = this.page.conversation?.id;
    let last = null;
    try {
      const messages = id ? (await call("conversation", { id })).messages : [];
      last = lastQuestion(messages);
      // It was answered meanwhile, or is being answered.
      if (last && (!text || last.text === text) && (last.status === "received" || ["answered", "refused"].includes(messages.at(-1).status))) { this.page.open(id); return; }
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
}
