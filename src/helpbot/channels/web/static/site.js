// The help pages' own few lines: buttons that open the chat. Without this file every page still works.
(() => {
  "use strict";
  /** @param {(bot: {open(): void, ask(text: string): void}) => void} act */
  const withBot = (act) => {
    const page = /** @type {any} */ (window);
    if (page.helpbot) act(page.helpbot);
    else (page.helpbotReady = page.helpbotReady || []).push(act);
  };
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target.closest("button") : null;
    if (!target) return;
    const ask = target.dataset.ask;
    if (ask) withBot((bot) => bot.ask(ask));
    else if ("open" in target.dataset) withBot((bot) => bot.open());
    else if ("person" in target.dataset) withBot((bot) => bot.ask("I want to talk to a person"));
    else if ("print" in target.dataset) print();
    else if ("askForm" in target.dataset) {
      const field = /** @type {HTMLTextAreaElement} */ (document.getElementById("q"));
      if (!field.value.trim()) return;
      event.preventDefault();
      withBot((bot) => bot.ask(field.value));
    }
  });
  document.getElementById("q")?.addEventListener("keydown", (event) => {
    if (event instanceof KeyboardEvent && event.key === "Enter" && !event.shiftKey && event.target instanceof HTMLTextAreaElement) {
      event.preventDefault();
      /** @type {HTMLButtonElement | null} */ (document.querySelector("[data-ask-form]"))?.click();
    }
  });
})();
