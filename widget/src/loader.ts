/**
 * The launcher on the host's page: a button, a frame, and `window.helpbot`. The chat itself lives in the frame, on the
 * bot's own origin, and is fetched when the pointer comes near the button. Built under 2 kB (brotli).
 */
import type { Down, Up } from "./types";

declare const LOADER_CSS: string;

interface Helpbot {
  open(): void;
  close(): void;
  ask(text: string): void;
  identify(jwt: string | null): void;
  context(values: Record<string, string>): void;
  on(event: string, handler: (detail: unknown) => void): () => void;
}
declare global {
  interface Window {
    helpbot?: Helpbot;
    helpbotReady?: { push(callback: (bot: Helpbot) => void): unknown };
  }
}

const LABELS: Record<string, [string, string]> = {
  en: ["Open chat", "Close chat"],
  nl: ["Chat openen", "Chat sluiten"],
  de: ["Chat öffnen", "Chat schließen"],
  fr: ["Ouvrir le chat", "Fermer le chat"],
  es: ["Abrir el chat", "Cerrar el chat"],
};

function start(script: HTMLScriptElement): void {
  const doc = document;
  const { site = "default", lang, colour, position, hidden, direction = "" } = script.dataset;
  const origin = new URL(script.src).origin;
  const language = lang || doc.documentElement.lang || navigator.language;
  const [openLabel, closeLabel] = LABELS[language.slice(0, 2)] ?? LABELS["en"]!;
  const flag = `hb:${site}`; // remembers, in the page's own storage, that a conversation is going on
  const handlers: Record<string, Set<(detail: unknown) => void>> = {};
  const told: Down[] = []; // all that the chat was told: a frame that is fetched again hears it, too
  let port: MessagePort | undefined; // the one that the chat has spoken through
  let frame: HTMLIFrameElement | undefined;
  let dead = false; // the frame was loaded and nobody has spoken in it: its page may not have been fetched
  let shown = false;
  let before: Element | null = null;

  const make = <K extends keyof HTMLElementTagNameMap>(tag: K, name: string): HTMLElementTagNameMap[K] => {
    const element = doc.createElement(tag);
    element.className = name;
    return element;
  };
  const host = doc.createElement("helpbot-widget");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(LOADER_CSS);
  root.adoptedStyleSheets = [sheet];
  if (position === "left") host.className = "left";
  if (colour) host.style.setProperty("--c", colour);

  const button = make("button", "go");
  button.ariaHasPopup = "dialog";
  const badge = make("span", "badge");
  const preview = make("button", "preview");
  preview.hidden = badge.hidden = true;
  button.append(badge);
  root.append(preview, button);
  button.hidden = hidden !== undefined;

  const emit = (event: string, detail?: unknown): void => handlers[event]?.forEach((handler) => handler(detail));
  const tell = (message: Down): void => {
    told.push(message);
    port?.postMessage(message);
  };
  const draw = (): void => {
    const open = host.toggleAttribute("open", shown && !!port);
    button.ariaLabel = open ? closeLabel : openLabel + (badge.hidden ? "" : ` (${badge.textContent})`);
    button.ariaExpanded = String(open);
  };
  const news = (count: number, text: string): void => {
    badge.hidden = !count;
    badge.textContent = String(count);
    preview.hidden = !count || !text || shown;
    preview.textContent = text;
    draw();
  };
  const show = (wanted: boolean): void => {
    if (wanted) load();
    if (shown === wanted) return;
    shown = wanted;
    if (wanted) {
      before = doc.activeElement;
      news(0, "");
    }
    tell([wanted ? "open" : "close"]);
    draw();
    if (wanted) frame!.focus();
    else (before !== host && before !== doc.body ? (before as HTMLElement) : button).focus();
    emit(wanted ? "open" : "close");
  };
  const take = ({ data: [what, one, two] }: MessageEvent<[Up[0], any, any]>): void => {
    if (what === "close") show(false);
    else if (what === "unread") news(one, two);
    else if (what === "colour") host.style.setProperty("--c", one);
    else if (what === "event") emit(one, two);
    else
      try {
        localStorage.setItem(flag, one ? "1" : "");
      } catch {}
  };
  const load = (): void => {
    if (port || (frame && !dead)) return;
    dead = false;
    frame?.remove();
    frame = make("iframe", "panel");
    frame.title = "Chat";
    frame.allow = "clipboard-write";
    frame.referrerPolicy = "origin";
    frame.src = `${origin}/widget/v1/app.html?site=${site}&lang=${language}&dir=${direction}`;
    frame.onload = () => {
      // A channel of our own: after this one message, nothing on the page can speak to the frame or listen to it.
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = (event) => {
        if (port !== port1) {
          port = port1;
          told.forEach((each) => port1.postMessage(each));
          draw();
          if (shown) frame!.focus(); // given before the page was there, focus was lost with the blank one
        }
        take(event);
      };
      frame!.contentWindow!.postMessage("helpbot", origin, [port2]);
      dead = true; // until it speaks
    };
    root.prepend(frame);
  };

  button.onpointerenter = button.onfocus = load;
  button.onclick = () => show(!shown || !port);
  preview.onclick = () => show(true);
  const bot: Helpbot = {
    open: () => show(true),
    close: () => show(false),
    ask: (text) => {
      show(true);
      tell(["ask", String(text)]);
    },
    identify: (jwt) => tell(["identify", jwt]),
    context: (values) => tell(["context", { page: location.origin + location.pathname, ...values }]),
    on: (event, handler) => {
      const set = (handlers[event] ??= new Set());
      set.add(handler);
      return () => set.delete(handler);
    },
  };
  draw();
  doc.body.append(host);
  bot.context({});
  try {
    if (localStorage.getItem(flag)) (window.requestIdleCallback ?? setTimeout)(load);
  } catch {}
  const early = window.helpbotReady;
  window.helpbot = bot;
  window.helpbotReady = { push: (callback) => callback(bot) };
  if (Array.isArray(early)) early.forEach((callback: (bot: Helpbot) => void) => callback(bot));
}

const script = document.currentScript;
if (script instanceof HTMLScriptElement && !window.helpbot) {
  if (document.body) start(script);
  else addEventListener("DOMContentLoaded", () => start(script));
}
