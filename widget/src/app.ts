/** The chat in its frame: draws the log, the composer and the menu, and talks to the loader over one private port. */
import { h, icon, plain } from "./dom";
import { begin, call, clear, connect, flush, forget, refresh, Refused, send, wake, watch } from "./net";
import { bubble, clock, reply, say, setSay, settle } from "./parts";
import { config, last, saved, state, t, update } from "./state";
import type { Down, Item, Message, Up } from "./types";

let port: MessagePort | undefined;
const tell = (message: Up): void => port?.postMessage(message);
const root = document.documentElement;
const TYPES = ["image/png", "image/jpeg", "image/webp"];
const LARGEST = 5_000_000;
const MOST = 5; // pictures in one message

// ------------------------------------------------------------------------------------------------ the frame's parts

const log = h("div", { class: "log", role: "log", "aria-live": "polite", "aria-label": t("log"), tabindex: 0 });
const status = h("div", { class: "status", role: "status" });
const spoken = h("div", { class: "sr", role: "status" });
const banner = h("div", { class: "banner", role: "status", hidden: true });
const title = h("h1", { id: "title" }, config.name);
const subtitle = h("p", {});
const input = h("textarea", { rows: 1, placeholder: t("placeholder"), "aria-label": t("placeholder"), maxlength: 10_000, dir: "auto", enterkeyhint: "send" });
const chosen = h("div", { class: "chosen", "aria-live": "polite" });
const file = h("input", { type: "file", accept: TYPES.join(), multiple: true, hidden: true, tabindex: -1, "aria-hidden": "true", change: () => {
  for (const each of file.files ?? []) void attach(each);
  file.value = "";
} });
const clip = h("button", { type: "button", class: "icon", "aria-label": t("attach"), title: t("attach"), hidden: !config.attachments, click: () => file.click() }, icon("clip"));
const go = h("button", { class: "icon go-send", "aria-label": t("send"), title: t("send") }, icon("send"));
const composer = h("form", { class: "composer" }, chosen, h("div", { class: "bar" }, clip, input, go, file));
const menuButton = h("button", { type: "button", class: "icon", "aria-label": t("menu"), title: t("menu"), "aria-haspopup": "menu", "aria-expanded": "false" }, icon("menu"));
const closeButton = h("button", { type: "button", class: "icon", "aria-label": t("close"), title: t("close"), click: () => tell(["close"]) }, icon("close"));
const menu = h("div", { class: "menu", role: "menu", hidden: true });
const app = h("div", { class: "app", role: "dialog", "aria-labelledby": "title" },
  h("header", { class: "top" }, h("div", { class: "who" }, title, subtitle), menuButton, closeButton, menu),
  log, status, banner, composer, spoken);
setSay((text) => (spoken.textContent = text));

// ------------------------------------------------------------------------------------------------ drawing

const drawn = new Map<string, HTMLElement>();
let near = true; // whether the reader follows the talk; who scrolled up to read again is left in peace
let top = 0;
log.addEventListener("scroll", () => {
  // Whoever goes up by whatever means leaves; our own ways down, on which the end is still far, do not count.
  near = log.scrollHeight - log.scrollTop - log.clientHeight < 160 || (near && log.scrollTop >= top);
  top = log.scrollTop;
}, { passive: true });

const day = (at: string): string => new Date(at).toLocaleDateString(config.lang, { weekday: "long", day: "numeric", month: "long" });

function waitingItem(item: Item): HTMLElement {
  return h("article", { class: "m user queued" }, h("div", { class: "b" }, h("span", { class: "sr" }, `${t("you")}: `), h("p", { class: "text", dir: "auto" }, ...plain(item.echo))),
    h("footer", {}, ...(item.failed ? [h("span", { class: "fault" }, item.failed),
      h("button", { type: "button", class: "link", click: () => (update((now) => now.queue.forEach((each) => { if (each.key === item.key) delete each.failed; })), wake()) }, t("retry")),
      h("button", { type: "button", class: "link", click: () => (update((now) => (now.queue = now.queue.filter((each) => each.key !== item.key))), draw()) }, t("remove")),
    ] : [state.offline ? t("queued") : state.retrying ? t("retrying") : clock(item.at)])));
}

function rating(): HTMLElement {
  let stars = 0;
  let form: HTMLFormElement;
  const comment = h("textarea", { rows: 2, "aria-label": t("ratingComment"), placeholder: t("ratingComment"), maxlength: 2000 });
  return (form = h("form", { class: "rating", submit: async (event: Event) => {
    event.preventDefault();
    if (!stars) return;
    await call("POST", `/${saved().id}/rating`, { stars, comment: comment.value }).catch(() => {});
    update((now) => (now.rated = true));
    say(t("ratingThanks"));
    draw();
    input.focus();
  } }, h("fieldset", {}, h("legend", {}, t("ratingAsk")), h("div", { class: "stars" }, ...[1, 2, 3, 4, 5].map((n) =>
    h("label", { title: t("stars", { n }) }, h("input", { type: "radio", name: "stars", value: n, "aria-label": t("stars", { n }), change: () => {
      stars = n;
      form.classList.add("more");
      form.scrollIntoView({ block: "end" });
      form.querySelectorAll(".stars label").forEach((label, index) => void label.classList.toggle("on", index < n));
    } }), h("span", { "aria-hidden": "true" }, "★"))))), comment, h("button", { class: "main" }, t("ratingSend"))));
}

/** Keep the end in sight; of an answer longer than the view, its beginning. */
let followed = "";
function follow(name: string | undefined): void {
  const answer = drawn.get(name ?? "");
  if (answer && answer.offsetHeight > log.clientHeight - 70) {
    if (name !== followed) log.scrollTop = answer.offsetTop - log.offsetTop - 58;
  } else log.scrollTop = log.scrollHeight;
  followed = name ?? "";
}

function draw(): void {
  const now = saved();
  const messages = [...state.messages.values()].sort((a, b) => a.seq - b.seq);
  const keys = new Set(messages.map((message) => message.key).filter(Boolean));
  const queue = now.queue.filter((item) => !keys.has(item.key));
  const newest = messages.filter((message) => message.author === "bot" || message.author === "agent").at(-1);
  const wanted: [string, () => HTMLElement][] = [];
  let today = "";
  if (!now.id) wanted.push(["greeting", () => h("article", { class: "m bot first" }, h("div", { class: "b" }, ...reply(0, config.greeting)))]);
  for (const message of messages) {
    if (day(message.at) !== today) {
      today = day(message.at);
      const label = today;
      wanted.push([`d${label}`, () => h("p", { class: "day" }, label)]);
    }
    wanted.push([`m${message.seq}`, () => bubble(message)]);
  }
  for (const item of queue) wanted.push([`q${item.key}${item.failed ?? ""}${state.offline}${state.retrying}`, () => waitingItem(item)]);
  const busy = state.sending && queue.some((item) => !item.failed) && !state.offline && state.conversation?.owner !== "agent";
  if (busy) wanted.push(["typing", () => h("div", { class: "typing", "aria-label": t("typing") }, h("i"), h("i"), h("i"))]);
  if (state.conversation?.phase === "resolved" && !queue.length) {
    if (!now.rated) wanted.push(["rating", rating]);
    else wanted.push(["thanks", () => h("p", { class: "day" }, t("ratingThanks"))]);
  }

  const names = new Set(wanted.map(([name]) => name));
  for (const [name, element] of drawn) if (!names.has(name)) (element.remove(), drawn.delete(name));
  let before: Element | null = null;
  for (const [name, make] of wanted) {
    let element = drawn.get(name);
    if (!element) drawn.set(name, (element = make()));
    const next: ChildNode | null = before ? before.nextSibling : log.firstChild;
    if (next !== element) log.insertBefore(element, next);
    before = element;
  }
  for (const message of messages) settle(drawn.get(`m${message.seq}`)!, message === newest && !queue.length);
  const first = drawn.get("greeting");
  if (first) settle(first, !queue.length);

  const agent = state.conversation?.owner === "agent" ? state.conversation.agent : "";
  subtitle.textContent = agent ? t("withAgent", { name: agent }) : state.conversation?.phase === "waiting" ? t("waiting") : t("subtitle");
  app.classList.toggle("human", !!agent);
  banner.hidden = !state.offline;
  banner.textContent = state.offline ? (queue.length ? t("offlineQueued", { n: queue.length }) : t("offline")) : "";
  if (near) follow(newest && `m${newest.seq}`);
  if (state.open && document.visibilityState === "visible" && last() > now.read) update((each) => (each.read = last()));
  const unread = messages.filter((message) => message.seq > saved().read && message.author !== "user");
  if (!state.open && now.id) {
    const news = unread.at(-1)?.text ?? "";
    tell(["unread", unread.length, news.length > 110 ? `${news.slice(0, 110).trimEnd()}…` : news]);
  }
  tell(["live", !!state.conversation && (state.conversation.phase === "waiting" || state.conversation.owner === "agent")]);
}

let history = true; // what was said before this page was opened is no news to the host page

function onMessage(message: Message): void {
  if (message.author === "user") near = true;
  if (history) return;
  tell(["event", "message", { author: message.author, text: message.text }]);
  for (const part of message.reply?.parts ?? []) if (part.type === "case") tell(["event", "case", { number: part.number, state: part.state }]);
  if (message.reply?.outcome === "resolved") tell(["event", "resolved", null]);
}

// ------------------------------------------------------------------------------------------------ composer

interface Upload { id: string; name: string; text: string; url: string }
let uploads: Upload[] = [];
let coming = 0; // pictures on their way up

function grow(): void {
  input.style.height = "auto";
  input.style.height = `${Math.min(input.scrollHeight, 140)}px`;
  go.disabled = !input.value.trim() && !uploads.length;
}

function submit(text: string): void {
  const words = text.trim();
  if (!words && !uploads.length) return;
  send({ text: words, ...(uploads.length ? { attachments: uploads.map(({ id }) => id) } : {}) }, words || uploads.map(({ name }) => name).join(", "));
  uploads = [];
  showUploads();
  notice("");
}

function showUploads(): void {
  chosen.replaceChildren(...uploads.flatMap((upload) => [
    h("figure", {}, h("img", { src: upload.url, alt: "" }), h("figcaption", {}, ...plain(upload.name)),
      h("button", { type: "button", class: "icon", "aria-label": `${t("remove")}: ${upload.name}`, click: () => ((uploads = uploads.filter((each) => each !== upload)), showUploads()) }, icon("close"))),
    ...(upload.text ? [h("div", { class: "read" }, h("p", {}, t("ocr")), h("blockquote", { dir: "auto", tabindex: 0 }, ...plain(upload.text)), h("div", { class: "row" },
      h("button", { type: "button", class: "main", click: () => use(upload) }, t("use")),
      h("button", { type: "button", class: "quiet", click: () => ((upload.text = ""), showUploads()) }, t("no"))))] : []),
  ]));
  grow();
}

function use(upload: Upload): void {
  const field = log.querySelector<HTMLTextAreaElement>(".case-form:not([hidden]) [name=error_message]") ?? input;
  field.value = [field.value, upload.text].filter(Boolean).join("\n");
  field.dispatchEvent(new Event("input"));
  upload.text = "";
  showUploads();
  field.focus();
}

async function attach(chosenFile: File): Promise<void> {
  const wrong = !TYPES.includes(chosenFile.type) ? t("wrongType") : chosenFile.size > LARGEST ? t("tooBig") : uploads.length + coming >= MOST ? t("tooMany", { n: MOST }) : "";
  if (wrong) return notice(wrong);
  notice(t("uploading"));
  coming++;
  try {
    const id = await begin();
    const answer = await call<{ id: string; name: string; text: string }>("POST", `/${id}/attachments`, chosenFile, { "Content-Type": chosenFile.type, "File-Name": encodeURIComponent(chosenFile.name.slice(0, 120)) });
    uploads.push({ ...answer, url: URL.createObjectURL(chosenFile) });
    notice("");
    showUploads();
  } catch (error) {
    notice(error instanceof Refused ? error.message : t("uploadOffline"));
  } finally {
    coming--;
  }
}

/** Say something above the composer, until the next thing is said or sent; what only confirms goes by itself. */
function notice(text: string, brief = false): void {
  status.replaceChildren(text && h("span", {}, text));
  if (brief) setTimeout(() => { if (status.textContent === text) notice(""); }, 8000);
}

composer.addEventListener("submit", (event) => {
  event.preventDefault();
  submit(input.value);
  input.value = "";
  update((now) => (now.draft = ""));
  grow();
});
input.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    composer.requestSubmit();
  }
});
input.addEventListener("input", () => (update((now) => (now.draft = input.value)), grow()));
if (config.attachments) {
  document.addEventListener("paste", (event) => { for (const each of event.clipboardData?.files ?? []) (event.preventDefault(), void attach(each)); });
  document.addEventListener("dragover", (event) => { if (event.dataTransfer?.types.includes("Files")) (event.preventDefault(), app.classList.add("drop")); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) app.classList.remove("drop"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    app.classList.remove("drop");
    for (const each of event.dataTransfer?.files ?? []) void attach(each);
  });
}

// ------------------------------------------------------------------------------------------------ menu

async function transcript(): Promise<string> {
  return saved().id ? call<string>("GET", `/${saved().id}/transcript`) : "";
}

const ACTIONS: [string, () => void, (() => boolean)?][] = [
  ["person", () => send({ choice: "person" }, t("person"))],
  ["copyTranscript", () => void transcript().then((text) => navigator.clipboard.writeText(text)).then(() => notice(t("copied"), true), () => notice(t("copyFailed"))), () => !!saved().id],
  ["saveTranscript", () => void transcript().then((text) => {
    const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    h("a", { href: url, download: `${config.name}.txt` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 5000);
  }, () => notice(t("failed"))), () => !!saved().id],
  ["mailTranscript", () => void call("POST", `/${saved().id}/transcript`).then(() => notice(t("mailed"), true), (fault) => notice(fault.message)), () => config.mail && !!state.conversation?.verified],
  ["startOver", () => {
    status.replaceChildren(h("span", {}, t("startOverAsk")), h("button", { type: "button", class: "main", click: () => (forget(), update((now) => (now.queue = [])), notice(""), input.focus()) }, t("yes")),
      h("button", { type: "button", class: "quiet", click: () => (notice(""), input.focus()) }, t("no")));
    status.querySelector("button")!.focus();
  }, () => !!saved().id],
];

function showMenu(open: boolean): void {
  menu.hidden = !open;
  menuButton.setAttribute("aria-expanded", String(open));
  if (!open) return;
  menu.replaceChildren(...ACTIONS.filter(([, , when]) => !when || when()).map(([name, act]) =>
    h("button", { type: "button", role: "menuitem", click: () => (showMenu(false), menuButton.focus(), act()) }, t(name))));
  (menu.firstElementChild as HTMLElement).focus();
}
menuButton.addEventListener("click", () => showMenu(menuButton.getAttribute("aria-expanded") === "false"));
menu.addEventListener("keydown", (event) => {
  const items = [...menu.children] as HTMLElement[];
  const now = items.indexOf(document.activeElement as HTMLElement);
  const to = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: -1 }[event.key];
  if (to !== undefined) (event.preventDefault(), items.at(to % items.length)!.focus());
});
menu.addEventListener("focusout", (event) => { if (!app.contains(event.relatedTarget as Node) || !menu.contains(event.relatedTarget as Node) && event.relatedTarget !== menuButton) showMenu(false); });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (menu.hidden) return tell(["close"]);
  showMenu(false);
  menuButton.focus();
});

// ------------------------------------------------------------------------------------------------ the host page

function identify(jwt: string | null): void {
  let who = "";
  try {
    // Only to keep two users of one browser apart; whether it is true is for the server to say.
    if (jwt) who = String(JSON.parse(atob(jwt.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))).sub ?? "");
  } catch {}
  state.identity = jwt;
  if (who === state.who) return;
  state.who = who;
  clear();
  begun();
}

function heard({ data }: MessageEvent<Down>): void {
  const [what, value] = data;
  if (what === "open" || what === "close") {
    state.open = what === "open";
    if (state.open) {
      near = true;
      if (matchMedia("(hover: hover)").matches) input.focus();
      else log.focus();
      wake();
    }
    watch();
    draw();
  } else if (what === "ask" && typeof value === "string") submit(value);
  else if (what === "identify") identify(typeof value === "string" ? value : null);
  else if (what === "context" && value && typeof value === "object")
    for (const [name, each] of Object.entries(value)) if (/^[a-z_]{1,20}$/.test(name)) state.context = { ...state.context, [name]: String(each).slice(0, 2000) };
}

// Only the page around us, only once, and only if the site's settings know its origin.
addEventListener("message", (event) => {
  const known = event.origin === location.origin || config.allowed.some((pattern) => {
    const [scheme = "", tail = ""] = pattern.split("*");
    return pattern === event.origin || (!!tail && event.origin.startsWith(scheme) && event.origin.endsWith(tail));
  });
  if (port || event.source !== parent || event.data !== "helpbot" || !event.ports[0] || !known) return;
  port = event.ports[0];
  port.onmessage = heard;
  tell(["colour", config.colours.brand]);
  tell(["event", "ready", null]);
  draw();
});

function begun(): void {
  connect(draw, onMessage);
  input.value = saved().draft;
  grow();
  draw();
  history = true;
  void refresh().then(() => (history = false)).then(flush);
}

const dark = matchMedia("(prefers-color-scheme: dark)");
const theme = (): void => {
  root.dataset["theme"] = config.theme === "auto" ? (dark.matches ? "dark" : "light") : config.theme;
};
dark.addEventListener("change", theme);
theme();
root.lang = config.lang;
root.dir = config.dir;
for (const [name, value] of Object.entries(config.colours)) root.style.setProperty(`--${name.replace("_", "-")}`, value);
document.body.append(app);
if (parent === window) (state.open = true), closeButton.remove(); // the frame's page opened on its own
addEventListener("online", wake);
addEventListener("storage", () => draw());
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") (void refresh(), draw()); });
begun();
watch();
