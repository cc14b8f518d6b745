// The editor of an assistant: its opening questions, and the pane that tries it.
import { setUpQuestions } from "./questions.js";
import { setUpTrying } from "./try.js";

for (const list of document.querySelectorAll("[data-questions]")) setUpQuestions(list);
for (const pane of document.querySelectorAll("[data-try]")) setUpTrying(pane, document.getElementById("editor"));
