// One answer: while it comes, and when it is there.
import { copyText, h, icon, iconButton, patchBlocks, t } from "./dom.js";
import { announce, toast } from "./dialogs.js";
import { feedbackButtons } from "./feedback.js";
import { setMath } from "./math.js";
import { placeOf } from "./places.js";
import { stoppedCard } from "./problems.js";

export class AnswerView {
  constructor({ brandMark, openSource, regenerate }) {
    this.openSource = openSource;
    this.regenerate = regenerate;
    this.citations = [];
    this.reasoningText = h("div", { class: "reasoning-text", tabindex: "0", role: "region", "aria-label": t("thought_some") });
    this.reasoningLabel = h("span", {});
    this.reasoning = h("details", { class: "reasoning", hidden: true }, h("summary", {}, icon("spark", 16), this.reasoningLabel, icon("chevron", 16)), this.reasoningText);
    this.waiting = h("div", { class: "waiting", role: "status" }, h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")), h("span", {}, t("waiting")));
    this.content = h("div", { class: "content", "aria-live": "polite", "aria-busy": "true" });
    this.after = h("div", { class: "after" });
    this.element = h("article", { class: "answer" }, h("div", { class: "mark" }, brandMark), h("div", { class: "answer-body" }, this.reasoning, this.waiting, this.content, this.after));
    this.content.addEventListener("click", (event) => {
      const cite = event.target.closest(".cite");
      if (cite) this.#cited(Number(cite.dataset.cite), cite);
    });
  }

  // What came since the last update.
  apply(update) {
    if (update.phase) this.#phase(update.phase);
    if ("queued" in update) this.#queued(update.queued);
    if (update.reasoning) {
      this.reasoning.hidden = false;
      const stick = this.reasoningText.scrollHeight - this.reasoningText.scrollTop - this.reasoningText.clientHeight < 40;
      this.reasoningText.append(update.reasoning);
      if (stick) this.reasoningText.scrollTop = this.reasoningText.scrollHeight;
    }
    if (update.reasoning_for_ms != null && !this.clock) this.#startClock(update.reasoning_for_ms);
    if (update.reasoning_ms != null) this.#thought(update.reasoning_ms);
    if (update.blocks) patchBlocks(this.content, update.blocks, update.count, (block) => this.#decorate(block));
  }

  // The whole message, as it is kept.
  show(message) {
    this.stopClock();
    this.waiting.remove();
    this.message = message;
    this.citations = message.citations;
    this.element.dataset.status = message.status;
    if (message.id) this.element.dataset.id = message.id;
    this.content.setAttribute("aria-busy", "false");
    const refused = message.status === "refused";
    if (message.reasoning) {
      this.reasoning.hidden = false;
      this.reasoningText.textContent = message.reasoning;
      this.#thought(message.reasoning_ms);
    }
    patchBlocks(this.content, message.blocks.map((html, place) => [place, html]), message.blocks.length, (block) => this.#decorate(block));
    this.after.replaceChildren();
    if (refused) this.#refuse(message);
    // Citations are checked when an answer is whole: one that was stopped has none.
    const unchecked = !this.citations.length;
    if (message.status === "stopped" && message.text) this.after.append(h("p", { class: "stopped" }, t(unchecked ? "stopped_unchecked" : "stopped")));
    if (message.overflow_from) this.after.append(h("p", { class: "stopped" }, t("stood_in", { asked: message.overflow_from, model: message.model })));
    if (this.citations.length) this.after.append(this.#sources());
    // Of an answer that has no word there is nothing to copy or to judge.
    if (message.text) this.after.append(this.#actions(message));
    else if (message.status === "stopped") this.after.append(stoppedCard({ retry: () => this.regenerate() }));
  }

  // The same answer from its beginning, after the connection was lost.
  restart() {
    this.stopClock();
    this.reasoningText.replaceChildren();
    this.content.replaceChildren();
  }

  // It ended with nothing to show: the question alone is kept.
  end() {
    this.stopClock();
    this.waiting.remove();
    this.content.setAttribute("aria-busy", "false");
  }

  stopClock() {
    clearInterval(this.clock);
    this.clock = null;
  }

  #phase(phase) {
    const waits = phase === "waiting";
    if (this.waiting.isConnected && !waits) this.waiting.remove();
    if (phase === "reasoning" && !this.told) {
      this.told = true;
      announce(t("thinking_now"));
    }
  }

  #queued(queued) {
    const text = queued ? (queued.position ? t("queued_position", queued) : t("queued")) : t("waiting");
    this.waiting.lastElementChild.textContent = text;
  }

  #startClock(sofar) {
    const began = performance.now() - sofar;
    this.reasoning.open = true;
    this.reasoning.classList.add("going");
    const tick = () => { this.reasoningLabel.textContent = t("thinking", { seconds: Math.floor((performance.now() - began) / 1000) }); };
    tick();
    this.clock = setInterval(tick, 1000);
  }

  #thought(milliseconds) {
    this.stopClock();
    if (this.reasoning.classList.contains("going")) this.reasoning.open = false;
    this.reasoning.classList.remove("going");
    this.reasoningLabel.textContent = milliseconds == null ? t("thought_some") : t("thought", { seconds: Math.max(1, Math.round(milliseconds / 1000)) });
  }

  #decorate(block) {
    setMath(block);
    for (const cite of block.querySelectorAll(".cite")) {
      const citation = this.citations.find((one) => one.index === Number(cite.dataset.cite));
      const label = citation ? t("source", citation) : t("source_pending", { index: cite.dataset.cite });
      cite.setAttribute("aria-label", label);
      if (citation) cite.title = citation.title;
      cite.disabled = !citation;
    }
    for (const code of block.querySelectorAll(".code")) {
      const copy = iconButton("copy", t("copy_code"), async () => { toast((await copyText(code.querySelector("code").textContent)) ? t("copied") : t("copy_failed")); });
      code.prepend(h("div", { class: "code-head" }, h("span", {}, code.dataset.language), copy));
    }
    for (const table of block.querySelectorAll(".table, pre")) if (table.scrollWidth <= table.clientWidth) table.removeAttribute("tabindex");
  }

  #refuse(message) {
    const cut = message.reason === "cut_off";
    const searched = message.standalone && h("p", { class: "searched" }, t("refused_searched", { query: message.standalone }));
    const said = h("div", { class: "refused-text" }, cut ? h("p", {}, t("cut_off_text")) : [...this.content.childNodes]);
    const notice = h("div", { class: "notice refused" }, icon("quiet", 20), h("div", {}, h("strong", {}, t(cut ? "cut_off_title" : "refused_title")), said, searched));
    this.content.replaceChildren(notice);
  }

  #sources() {
    const rows = this.citations.map((citation) => {
      const place = placeOf(citation);
      return h("li", {}, h("button", { type: "button", class: "source", onclick: (event) => this.#cited(citation.index, event.currentTarget) }, h("span", { class: "source-number", "aria-hidden": "true" }, citation.index), h("span", { class: "source-text" }, h("span", { class: "source-title" }, citation.title), place && h("span", { class: "source-place" }, place))));
    });
    return h("section", { class: "sources", "aria-label": t("sources") }, h("h3", {}, t("sources")), h("ol", {}, rows));
  }

  #actions(message) {
    const copy = iconButton("copy", t("copy"), async () => {
      const done = await copyText(message.text);
      copy.replaceChildren(icon(done ? "check" : "copy"));
      setTimeout(() => copy.replaceChildren(icon("copy")), 1500);
      toast(done ? t("copied") : t("copy_failed"));
    });
    return h("div", { class: "actions" }, copy, message.id && feedbackButtons(message), this.#again());
  }

  #again() {
    return iconButton("again", t("regenerate"), () => this.regenerate(), { class: "icon-button regenerate" });
  }

  #cited(index, trigger) {
    const citation = this.citations.find((one) => one.index === index);
    if (citation) this.openSource(citation, this.citations, trigger);
  }
}
