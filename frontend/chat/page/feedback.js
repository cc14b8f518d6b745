// Thumbs, and the form that asks why.
import { h, iconButton, t } from "./dom.js";
import { openDialog, toast } from "./dialogs.js";
import { call } from "./gradio.js";
import { problemText, tell } from "./problems.js";

const REASONS = ["wrong", "incomplete", "wrong_source", "outdated", "unclear", "refused", "other"];

export function feedbackButtons(message) {
  const up = iconButton("up", t("up"), () => choose("up"));
  const down = iconButton("down", t("down"), () => choose("down"));
  const group = h("span", { class: "thumbs" }, up, down);
  mark();
  return group;

  function mark() {
    up.setAttribute("aria-pressed", String(message.feedback?.rating === "up"));
    down.setAttribute("aria-pressed", String(message.feedback?.rating === "down"));
  }

  async function save(feedback) {
    const before = message.feedback;
    message.feedback = feedback;
    mark();
    try {
      await call("feedback", { answer: message.id, rating: "", ...feedback });
      return null;
    } catch (error) {
      message.feedback = before;
      mark();
      return error;
    }
  }

  async function choose(rating) {
    if (message.feedback?.rating === rating) {
      const problem = await save(null);
      if (problem) tell(problem);
      else toast(t("feedback_removed"));
      return;
    }
    const problem = await save({ rating, reasons: [], comment: "" });
    if (problem) tell(problem);
    else if (rating === "down") ask();
    else toast(t("feedback_thanks"));
  }

  function ask() {
    const boxes = REASONS.map((reason) => h("label", { class: "chip" }, h("input", { type: "checkbox", value: reason }), h("span", {}, t(`reason_${reason}`))));
    const comment = h("textarea", { rows: 3, maxlength: 2000, "aria-label": t("feedback_comment"), placeholder: t("feedback_comment") });
    const failed = h("p", { class: "dialog-problem", role: "alert", hidden: true });
    const send = async (close) => {
      const reasons = boxes.map((box) => box.firstElementChild).filter((box) => box.checked).map((box) => box.value);
      // What was written stays there until it has arrived.
      const problem = await save({ rating: "down", reasons, comment: comment.value.trim() });
      failed.hidden = !problem;
      failed.textContent = problem ? problemText(problem) : "";
      if (problem) return;
      close();
      toast(t("feedback_thanks"));
    };
    openDialog({
      title: t("feedback_title"),
      body: h("div", { class: "feedback-form" }, h("div", { class: "chips", role: "group", "aria-label": t("feedback_title") }, boxes), comment, failed),
      actions: (close) => [h("button", { type: "button", class: "button", onclick: close }, t("cancel")), h("button", { type: "button", class: "button primary", onclick: () => send(close) }, t("feedback_send"))],
    });
  }
}
