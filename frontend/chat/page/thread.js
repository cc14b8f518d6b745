// The conversation itself: questions, answers, what went wrong, or how to begin.
import { h, icon, iconButton, t } from "./dom.js";
import { AnswerView } from "./answer.js";
import { problemCard, stoppedCard } from "./problems.js";
import { brandMark } from "./rail.js";

const NEAR = 90;

export class Thread {
  constructor({ openSource, onAsk, onRegenerate }) {
    Object.assign(this, { openSource, onAsk, onRegenerate });
    this.messages = h("div", { class: "messages" });
    this.scroller = h("div", { class: "scroller", tabindex: "0", role: "region", "aria-label": t("thread") }, this.messages);
    this.down = iconButton("bottom", t("scroll_down"), () => this.toEnd("smooth"), { class: "icon-button to-end", hidden: true });
    this.element = h("div", { class: "thread" }, this.scroller, this.down);
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => { if (this.stuck) this.toEnd(); }).observe(this.messages);
  }

  focus() {
    this.scroller.focus({ preventScroll: true });
  }

  // Of a conversation that cannot go on nothing is offered that asks.
  setClosed(closed) {
    this.element.classList.toggle("closed", closed);
  }

  loading() {
    this.messages.replaceChildren(h("div", { class: "skeleton", role: "status", "aria-label": t("loading") }, h("i"), h("i"), h("i"), h("i")));
  }

  // How to begin, or what is wrong with beginning.
  showEmpty(assistant) {
    this.stuck = false;
    const cards = assistant.questions.map((question) => h("button", { type: "button", class: "example", onclick: () => this.onAsk(question) }, h("span", {}, question), icon("send", 16)));
    this.messages.replaceChildren(
      h(
        "div",
        { class: "welcome" },
        h("div", { class: "welcome-mark" }, brandMark(assistant)),
        h("h1", {}, assistant.greeting ? assistant.name : t("greeting", { name: assistant.name })),
        h("p", {}, assistant.greeting || t("greeting_text")),
        cards.length > 0 && h("section", { class: "examples", "aria-label": t("examples") }, h("h2", { class: "offscreen" }, t("examples")), cards),
      ),
    );
  }

  showNote(title, text, way) {
    this.messages.replaceChildren(h("div", { class: "welcome" }, h("h1", {}, title), h("p", {}, text), way));
  }

  showMessages(rows, assistant) {
    this.assistant = assistant;
    this.messages.replaceChildren();
    rows.forEach((row, place) => {
      if (row.role === "question") {
        this.addQuestion(row.text);
        if (["failed", "stopped"].includes(row.status) && rows[place + 1]?.role !== "answer") this.#unanswered(row, place === rows.length - 1);
      } else {
        const view = this.addAnswer(assistant);
        view.show(row);
        if (row.status === "failed") this.addProblem({ problem: { code: row.reason || "stream_broken" }, title: t("broken_title") });
      }
    });
    this.#markLast();
    this.toEnd();
  }

  addQuestion(text) {
    this.messages.querySelector(".welcome, .skeleton")?.remove();
    this.dropProblems();
    this.messages.append(h("div", { class: "question" }, h("h2", { class: "offscreen" }, t("you")), h("div", { class: "bubble" }, text)));
    this.#markLast();
    this.toEnd();
  }

  addAnswer(assistant) {
    this.dropProblems();
    const view = new AnswerView({ brandMark: assistant ? brandMark(assistant) : h("span", { class: "brand-mark gone" }, icon("spark", 16)), openSource: this.openSource, regenerate: () => this.onRegenerate() });
    this.messages.append(view.element);
    this.#markLast();
    return view;
  }

  // The last answer goes: another one comes in its place.
  dropAnswer() {
    this.dropProblems();
    if (this.messages.lastElementChild?.matches(".answer")) this.messages.lastElementChild.remove();
  }

  addProblem(options) {
    this.#addCard(problemCard(options));
  }

  addStopped(retry) {
    this.#addCard(stoppedCard({ retry }));
  }

  #addCard(card) {
    this.messages.append(card);
    this.toEnd();
  }

  dropProblems() {
    for (const card of this.messages.querySelectorAll(":scope > .notice")) card.remove();
  }

  toEnd(behavior = "instant") {
    this.stuck = true;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior });
  }

  #unanswered(row, last) {
    const retry = last ? () => this.onRegenerate() : null;
    if (row.status === "stopped") this.addStopped(retry);
    else this.addProblem({ problem: { code: row.reason || "engine_unavailable" }, title: t("failed_title"), detail: t("kept"), retry });
  }

  #markLast() {
    for (const answer of this.messages.querySelectorAll(":scope > .answer")) answer.classList.toggle("last", !followed(answer));
  }

  #scrolled() {
    const top = this.scroller.scrollTop;
    const left = this.scroller.scrollHeight - top - this.scroller.clientHeight;
    // What came since the last layout lies below the end that is watched: only who goes up has left it.
    if (left < NEAR) this.stuck = !this.messages.querySelector(".welcome");
    else if (top < this.top) this.stuck = false;
    this.top = top;
    this.down.hidden = left < NEAR * 2;
  }
}

function followed(answer) {
  for (let next = answer.nextElementSibling; next; next = next.nextElementSibling) if (next.matches(".question")) return true;
  return false;
}
