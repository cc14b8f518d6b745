// An answer that is given elsewhere: by another process, before this one was started, or to too many browsers already.
import { call, isEnded } from "./gradio.js";

const POLL_MS = 3000;

export class Awaiting {
  // `onChanged`: there is an answer now, or no conversation any more.
  constructor({ thread, onChanged }) {
    Object.assign(this, { thread, onChanged });
  }

  begin(id, assistant) {
    this.end();
    this.id = id;
    this.view = this.thread.addAnswer(assistant);
    this.view.apply({ queued: null });
    this.#soon();
  }

  // Whether one was awaited.
  end() {
    clearTimeout(this.timer);
    const view = this.view;
    this.view = null;
    view?.end();
    view?.element.remove();
    return !!view;
  }

  #soon() {
    this.timer = setTimeout(() => this.#look(this.view), POLL_MS);
  }

  async #look(view) {
    let changed = false;
    try {
      const { messages } = await call("conversation", { id: this.id });
      changed = lastQuestion(messages)?.status !== "received";
    } catch (error) {
      if (isEnded(error)) return;
      changed = error.status === 404;
    }
    if (this.view !== view) return;
    if (changed) this.onChanged(this.id);
    else this.#soon();
  }
}

export function lastQuestion(messages) {
  return messages.findLast((message) => message.role === "question");
}
