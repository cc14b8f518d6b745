// One answer of the pane, as it comes in. All of it is put in as text; the answer once more, when it is whole, as the
// platform has rendered it.

let runs = 0;

export class Run {
  constructor(pane, place, name, question, titled) {
    const words = {};
    for (const word of pane.querySelector("#try-words").content.querySelectorAll("[data-word]")) words[word.dataset.word] = word.textContent;
    this.words = words;
    this.text = "";
    this.number = runs += 1;
    this.known = [];
    this.slots = {};
    this.hits = new Map();
    const run = pane.querySelector("#try-run").content.cloneNode(true).firstElementChild;
    for (const slot of run.querySelectorAll("[data-slot]")) this.slots[slot.dataset.slot] = slot;
    this.slots.title.textContent = words[name];
    this.slots.title.hidden = !titled;
    this.slots.asked.textContent = question;
    place.append(run);
  }

  take(chunk) {
    if (chunk.error) return this.fail(chunk.error.message);
    if (chunk.karez?.trace) this.trace(chunk.karez.trace);
    const [choice] = chunk.choices ?? [];
    if (choice?.karez?.refused) this.refuse(choice.karez.reason);
    const delta = choice?.delta ?? {};
    if (delta.reasoning_content) this.reason(delta.reasoning_content);
    if (delta.content) this.write(delta.content);
    if (delta.annotations) this.cite(delta.annotations);
  }

  trace(trace) {
    if (trace.step === "search") this.showSearch(trace);
    if (trace.step === "verdict") this.showVerdict(trace);
    if (trace.step === "prompt") this.showPrompt(trace);
    if (trace.step === "end") this.showFacts(trace);
  }

  write(text) {
    this.text += text;
    this.show("answer").textContent = this.text;
    this.slots.busy.hidden = true;
  }

  reason(text) {
    this.show("reasoning");
    this.slots["reasoning-text"].textContent += text;
    this.slots.busy.hidden = true;
  }

  refuse(reason) {
    const badge = element("span", "badge badge--warn", this.words.refused);
    this.slots.answer.before(element("p", "row small", [badge, element("code", "muted", reason)]));
  }

  cite(annotations) {
    const seen = new Map(annotations.map((note) => [note.karez.index, note]));
    for (const [index, note] of [...seen].sort(([a], [b]) => a - b)) {
      const page = note.karez.page ? ` · ${this.page(note.karez.page, note.karez.page_end)}` : "";
      const link = element("a", "", note.url_citation.title + page);
      link.href = note.url_citation.url.startsWith("http") ? note.url_citation.url : "#";
      link.target = "_blank";
      link.rel = "noopener";
      this.known.push(index);
      const item = element("li", "", [element("strong", "", `[${index}] `), link]);
      item.id = `run-${this.number}-${index}`;
      this.show("citations").append(item);
      const hit = this.hits.get(note.karez.chunk_id);
      if (hit) {
        hit.classList.add("is-cited");
        hit.querySelector(".hit__head").append(element("span", "badge badge--brand", this.words.cited));
      }
    }
  }

  showSearch(search) {
    this.search = search;
    this.slots.doing.textContent = this.words.answering;
    this.show("search");
    this.slots.found.textContent = String(search.passages.length);
    this.slots.searched.textContent = `${this.words.searched} ${search.question}`;
    this.slots.degraded.hidden = search.degraded.length === 0;
    if (search.passages.length === 0) this.slots.hits.append(element("li", "muted", this.words.nothing));
    for (const passage of search.passages) this.slots.hits.append(this.hit(passage));
  }

  hit(passage) {
    const place = [passage.page ? this.page(passage.page) : "", passage.section].filter(Boolean).join(" · ");
    const bar = document.createElement("progress");
    Object.assign(bar, { max: 1, value: passage.score, ariaLabel: this.words.score });
    const scores = element("div", "hit__scores", [
      bar,
      element("span", "", `${this.words.score} ${passage.score.toFixed(2)}`),
      element("span", "", `${this.words.dense} ${figure(passage.dense)}`),
      element("span", "", `${this.words.keyword} ${figure(passage.keyword)}`),
    ]);
    const head = element("div", "hit__head", [element("strong", "", `${passage.number}. ${passage.title}`), element("span", "muted", place)]);
    const item = element("li", "hit", [head, scores, element("p", "", passage.text.length > 280 ? `${passage.text.slice(0, 280)}…` : passage.text)]);
    this.hits.set(passage.chunk_id, item);
    return item;
  }

  showVerdict(verdict) {
    const enough = verdict.sufficient;
    const judge = verdict.judge ? ` · ${this.words.judge} ${verdict.judge}` : "";
    const badge = element("span", `badge ${enough ? "badge--good" : "badge--warn"}`, enough ? this.words.enough : this.words.thin);
    this.show("verdict").replaceChildren(badge, element("span", "muted", `${verdict.score.toFixed(2)}${judge} ${verdict.reason}`));
  }

  showPrompt(prompt) {
    this.show("prompt");
    this.slots.engine.textContent = prompt.engine;
    this.slots.unread.hidden = prompt.reads_instructions;
    const label = { system: "system", user: "user", assistant: "assistant" };
    for (const message of prompt.messages) {
      const text = element("pre", "", message.content);
      text.tabIndex = 0;
      this.slots.messages.append(element("div", "prompt__message", [element("code", "muted", label[message.role] ?? message.role), text]));
    }
    for (const number of prompt.shown) {
      const passage = this.search?.passages[number - 1];
      const hit = passage && this.hits.get(passage.chunk_id);
      hit?.querySelector(".hit__head").append(element("span", "badge", this.words.used));
    }
  }

  showFacts(end) {
    const facts = [
      [this.words["search-time"], milliseconds(this.search?.search_ms)],
      [this.words.first, milliseconds(end.first_token_ms)],
      [this.words.total, milliseconds(end.total_ms)],
      [this.words.tokens, `${end.prompt_tokens} + ${end.completion_tokens}`],
    ];
    this.show("facts").replaceChildren(...facts.map(([name, value]) => element("div", "", [element("dt", "", name), element("dd", "", value)])));
    if (end.reasoning_ms) this.slots["reasoning-time"].textContent = `· ${milliseconds(end.reasoning_ms)}`;
  }

  page(first, last) {
    return last > first ? this.words.pages.replace("#", `${first}–${last}`) : this.words.page.replace("#", first);
  }

  show(name) {
    this.slots[name].hidden = false;
    return this.slots[name];
  }

  // `html` comes from the platform, where nothing of a text becomes markup.
  showRendered(html) {
    this.slots.answer.innerHTML = html;
    this.slots.answer.classList.add("prose");
  }

  fail(text) {
    this.end();
    this.show("problem").textContent = text;
  }

  stop() {
    this.end();
    this.slots.answer.after(element("p", "muted small", this.words.stopped));
  }

  end() {
    this.slots.busy.hidden = true;
  }
}

function element(tag, classes, content) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  made.append(...(Array.isArray(content) ? content : [content]));
  return made;
}

const figure = (value) => (value === null ? "–" : value.toFixed(2));

function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 1000 ? `${value} ms` : `${(value / 1000).toFixed(1)} s`;
}
