// Thumbs, and the form that asks why.
import { h, iconButton, t } from "./dom.js";
import { openDialog, toast } from "./dialogs.js";
import { call } from "./gradio.js";
import { problemText } from "./problems.js";

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
      return true;
    } catch (error) {
      message.feedback = before;
      mark();
      toast(problemText(error), "failed");
      return false;
    }
  }

  async function choose(rating) {
    if (message.feedback?.rating === rating) {
      if (await save(null)) toast(t("feedback_removed"));
      return;
    }
    const done = await save({ rating, reasons: [], comment: "" });
    if (done && rating === "down") ask();
    else if (done) toast(t("feedback_thanks"));
  }

  function ask() {
    const boxes = REASONS.map((reason) => h("label", { class: "chip" }, h("input", { type: "checkbox", value: reason }), h("span", {}, t(`reason_${reason}`))));
    const comment = h("textarea", { rows: 3, maxlength: 2000, "aria-label": t("feedback_comment"), placeholder: t("feedback_comment") });
    const send = async (close) => {
      const reasons = boxes.map((box) => box.firstElementChild).filter((box) => box.checked).map((box) => box.value);
      close();
      if (await save({ rating: "down", reasons, comment: comment.value.trim() })) toast(t("feedback_thanks"));
    };
    openDialog({
      title: t("feedback_title"),
      body: h("div", { class: "feedback-form" }, h("div", { class: "chips", role: "group", "aria-label": t("feedback_title") }, boxes), comment),
      actions: (close) => [h("button", { type: "button", class: "button", onclick: close }, t("cancel")), h("button", { type: "button", class: "button primary", onclick: () => send(close) }, t("feedback_send"))],
    });
  }
}
