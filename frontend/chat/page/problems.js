// What is said of a failure, and when it may be tried again.
import { h, icon, sentences, t } from "./dom.js";
import { toast } from "./dialogs.js";
import { isEnded } from "./gradio.js";

export function isQuota(problem) {
  return /quota|budget/.test(problem.code);
}

// What ends by itself: a lost connection, and a part of the platform that is being started again under an answer.
export function isPassing(problem, received) {
  return problem.code === "network" || (received && ["platform_unreachable", "starting"].includes(problem.code));
}

// Deleted, switched off, or no longer open to this person. Nothing was asked.
export function isAssistantGone(problem) {
  return [403, 404].includes(problem.status) || problem.code === "assistant_disabled";
}

// Whether the question was turned away before the platform stored it.
export function isRefused(problem, received) {
  if (isQuota(problem)) return false;
  return !received || ["file_not_ready", "context_length_exceeded"].includes(problem.code);
}

export function problemText(problem) {
  if (isQuota(problem)) return problem.told || t("error_quota");
  if (problem.status === 429 && !/busy|many/.test(problem.code)) return t("error_limit");
  const own = `error_${problem.code}`;
  if (t(own) !== own) return t(own);
  if (problem.told) return problem.told;
  if (problem.status === 403) return t("error_forbidden");
  if (problem.status === 404) return t("error_not_found");
  return t("error_other");
}

// In a line that goes by itself. An ended session has a notice of its own.
export function tell(problem) {
  if (!isEnded(problem)) toast(problemText(problem), "failed");
}

// A card in the conversation, with a button that waits as long as it was told to.
export function problemCard({ problem, title, detail = "", retry }) {
  const button = retry && h("button", { type: "button", class: "button", onclick: () => { clearInterval(timer); retry(); } }, icon("again", 16), h("span", {}, t("retry")));
  // What somebody stopped is no failure.
  const stopped = problem.code === "stopped";
  let left = Math.ceil(problem.retryAfter ?? 0);
  let timer = 0;
  const count = () => {
    if (!button) return;
    const waits = left > 0 && left <= 600;
    button.disabled = waits;
    button.lastElementChild.textContent = waits ? t("retry_in", { seconds: left }) : t("retry");
    if (!waits) clearInterval(timer);
    left -= 1;
  };
  if (problem.status === 429 || left > 0) timer = setInterval(count, 1000);
  count();
  return h(
    "div",
    stopped ? { class: "notice stopped", role: "status" } : { class: "notice failed", role: "alert" },
    icon(stopped ? "quiet" : "warn", 20),
    h("div", {}, h("strong", {}, title), h("p", {}, sentences(problemText(problem), detail)), button && h("div", { class: "notice-actions" }, button)),
  );
}

// Of an answer that was stopped before its first word.
export function stoppedCard({ retry }) {
  return problemCard({ problem: { code: "stopped", told: t("nothing_written") }, title: t("stopped"), detail: t("kept"), retry });
}
