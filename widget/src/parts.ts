/** One message as elements. Built once; `settle` then only switches off what no longer applies. */
import { h, icon, plain, rich, trail, type Kid } from "./dom";
import { call, send } from "./net";
import { config, saved, state, t, update } from "./state";
import type { Citation, FormField, Message, Part, Reply } from "./types";

/** Tell a screen reader, without moving focus. */
export let say: (text: string) => void = () => {};
export const setSay = (to: typeof say): void => void (say = to);

/** A button that copies a text and says that it did. */
export function copier(text: string, label = t("copy")): HTMLButtonElement {
  const button = h("button", { type: "button", class: "copy", "aria-label": label, title: label, click: async () => {
    await navigator.clipboard.writeText(text).then(() => {
      button.classList.add("done");
      button.replaceChildren(icon("check"));
      say(t("copied"));
      setTimeout(() => (button.classList.remove("done"), button.replaceChildren(icon("copy"))), 1800);
    }, () => say(t("copyFailed")));
  } }, icon("copy"));
  return button;
}

const mark = (source: number | null, citations: Citation[]): Kid => {
  const cited = source === null ? undefined : citations[source];
  return cited && h("a", { class: "mark", href: cited.url, target: "_blank", rel: "noopener", title: `${cited.title} › ${cited.section}`,
    "aria-label": `${t("source")} ${source! + 1}: ${cited.section}` }, String(source! + 1));
};

function steps(part: Part & { type: "steps" }, seq: number, citations: Citation[]): HTMLElement {
  return h("ol", { class: "steps" }, ...part.steps.map((step, n) => {
    const tick = `${seq}.${n}`;
    const id = `s${seq}-${n}`;
    const box = h("input", { type: "checkbox", "aria-label": t("stepDone", { n: n + 1 }), "aria-describedby": id, "data-n": n + 1, change: () =>
      update((now) => (now.ticks = box.checked ? [...now.ticks, tick] : now.ticks.filter((each) => each !== tick))) });
    box.checked = saved().ticks.includes(tick);
    return h("li", {}, box, h("div", { id }, step.go && h("div", { class: "go" }, trail(step.go)), h("span", {}, ...rich(step.text)), mark(step.source, citations)));
  }));
}

/** The bot's own words are English; in another language the interface's are nearer. */
const label = (field: FormField): string => (config.lang === "en" && field.label) || t(field.name);

function form(part: Part & { type: "form" }, seq: number): HTMLElement {
  const known = saved().form;
  const inputs = part.fields.map((field) => {
    const id = `f${seq}-${field.name}`;
    const long = field.name === "error_message";
    const input = h(long ? "textarea" : "input", {
      id, name: field.name, "aria-describedby": `${id}-h ${id}-e`, autocomplete: "off", maxlength: long ? 10_000 : 500, ...(long ? { rows: 3 } : {}), dir: "auto",
      input: () => {
        update((now) => (now.form[field.name] = input.value));
        fault.textContent = "";
        input.removeAttribute("aria-invalid");
      },
    });
    input.value = field.value || known[field.name] || "";
    const none = h("input", { type: "checkbox", id: `${id}-n`, change: () => {
      input.disabled = none.checked;
      fault.textContent = "";
    } });
    const fault = h("p", { class: "fault", id: `${id}-e`, role: "alert" });
    return { field, input, none, fault, row: h("div", { class: "field" },
      h("label", { for: id }, label(field)),
      h("p", { class: "help", id: `${id}-h` }, config.lang === "en" && field.help), input, fault,
      h("label", { class: "none" }, none, t(`none_${field.name}`))) };
  });
  const mail = h("input", { id: `f${seq}-email`, name: "email", type: "email", autocomplete: "email", maxlength: 254, value: known["email"] ?? "", input: () => update((now) => (now.form["email"] = mail.value)) });
  return h("form", { class: "case-form", novalidate: true, "aria-label": t("formTitle"), submit: (event: Event) => {
    event.preventDefault();
    const empty = inputs.filter(({ input, none, fault }) => {
      const missing = !none.checked && !input.value.trim();
      fault.textContent = missing ? t("required") : "";
      input.toggleAttribute("aria-invalid", missing);
      return missing;
    });
    if (empty[0]) return empty[0].input.focus();
    const values: Record<string, string> = {};
    for (const { field, input, none } of inputs) values[none.checked ? `no_${field.name}` : field.name] = none.checked ? t(`none_${field.name}`) : input.value;
    if (mail.value.trim()) values["email"] = mail.value.trim();
    update((now) => (now.form = {}));
    send({ form: values }, inputs.map(({ field, input, none }) => `${t(`short_${field.name}`)}: ${none.checked ? t(`none_${field.name}`) : input.value}`).join("\n"));
  } },
    h("h3", {}, t("formTitle")), ...inputs.map(({ row }) => row),
    h("div", { class: "field" }, h("label", { for: `f${seq}-email` }, t("email")), h("p", { class: "help" }, t("emailHelp")), mail),
    h("div", { class: "row" }, h("button", { class: "main" }, t("formSend")), h("button", { type: "button", class: "quiet", click: () => send({ choice: "cancel" }, t("cancel")) }, t("cancel"))));
}

function caseCard(part: Part & { type: "case" }): HTMLElement {
  return h("section", { class: "case", "aria-label": t("caseTitle", { n: part.number }) },
    h("header", {}, h("strong", {}, t("caseTitle", { n: part.number })), copier(part.number, t("copyNumber")), h("span", { class: "state" }, t(`case_${part.state}`))),
    h("dl", {}, h("dt", {}, t("short_product_name")), h("dd", {}, ...plain(part.product_name)), h("dt", {}, t("short_error_message")), h("dd", {}, h("code", {}, ...plain(part.error_message)))));
}

function draw(part: Part, seq: number, citations: Citation[]): Kid {
  switch (part.type) {
    case "text": return part.text && h("p", { class: `text ${part.role}` }, part.role === "cause" && h("b", { class: "tag" }, t("cause")), part.role === "check" && h("b", { class: "tag" }, t("check")), ...rich(part.text));
    case "steps": return steps(part, seq, citations);
    case "points": return h("ul", { class: "points" }, ...part.points.map((point) => h("li", {}, point.term && h("strong", {}, point.term, ": "), ...rich(point.text), mark(point.source, citations))));
    case "code": return h("div", { class: "code" }, h("code", { tabindex: 0 }, part.text), copier(part.text));
    case "form": return form(part, seq);
    case "case": return caseCard(part);
  }
}

function sources(citations: Citation[]): Kid {
  return citations.length > 0 && h("nav", { class: "sources", "aria-label": t("sources") }, h("span", { "aria-hidden": "true" }, t("sources")),
    h("ol", {}, ...citations.map((cited, n) => h("li", {}, h("a", { href: cited.url, target: "_blank", rel: "noopener" },
      h("b", { "aria-hidden": "true" }, String(n + 1)), h("span", {}, cited.section === cited.title ? cited.title : `${cited.title} › ${cited.section}`))))));
}

function choices(reply: Reply, greeting: boolean): Kid {
  // The form has a button of its own to leave it.
  const offered = reply.choices.filter(({ id }) => id !== "cancel" || !reply.parts.some((part) => part.type === "form"));
  return offered.length > 0 && h("div", { class: "choices", role: "group", "aria-label": t(greeting ? "frequent" : "choices") },
    ...offered.map(({ id, label }) => h("button", { type: "button", "data-choice": id, click: () => send({ choice: id }, label) }, label)));
}

/** What the bot says, with everything that can be done about it. */
export function reply(seq: number, answer: Reply): Kid[] {
  const parts = answer.parts.length ? answer.parts : [{ type: "text" as const, text: answer.reply, role: "plain" }];
  const answers = answer.outcome === "answer";
  const [first, last] = [parts[0], parts.at(-1)];
  const title = answers && first?.type === "text" && first.role === "lead" ? first.text : "";
  // The question at the end belongs to the buttons below it, not above the sources.
  const asked = answers && last?.type === "text" && last.role === "question" ? last : undefined;
  return [
    title && h("h2", { class: "understood" }, ...rich(title)),
    ...parts.slice(title ? 1 : 0, asked ? -1 : undefined).map((part) => draw(part, seq, answer.citations)),
    sources(answer.citations), asked && draw(asked, seq, []), choices(answer, seq < 2),
  ];
}

const bytesOf = (id: string): Promise<Blob> => call<Blob>("GET", `/${saved().id}/attachments/${id}`);

const size = (bytes: number): string => {
  const large = bytes >= 999_500;
  return new Intl.NumberFormat(config.lang, { style: "unit", unit: large ? "megabyte" : "kilobyte", maximumFractionDigits: large ? 1 : 0 }).format(large ? bytes / 1e6 : Math.ceil(bytes / 1e3));
};

type Attached = Message["attachments"][number];

/** A file that is saved, never shown: fetched only when it is wanted. */
function saveable(it: Attached): HTMLElement {
  const told = h("small", {}, it.size > 0 && ` ${size(it.size)}`);
  const save = (): void => void bytesOf(it.id).then((bytes) => {
    const url = URL.createObjectURL(bytes);
    h("a", { href: url, download: it.name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 5000);
  }, () => (told.textContent = ` ${t("failed")}`));
  return h("button", { type: "button", class: "file", "aria-label": t("saveFile", { name: it.name }) + (it.size > 0 ? ` (${size(it.size)})` : ""), click: save },
    icon("save"), h("span", {}, ...plain(it.name)), told);
}

function picture(it: Attached): HTMLElement {
  const image = h("img", { alt: it.name });
  const link = h("a", { target: "_blank", rel: "noopener" }, image);
  const figure = h("figure", {}, link, h("figcaption", {}, ...plain(it.name)));
  void bytesOf(it.id).then(
    (bytes) => {
      if (bytes.type.startsWith("image/")) image.src = link.href = URL.createObjectURL(bytes);
      else figure.replaceWith(saveable(it));
    },
    () => link.remove());
  return figure;
}

/** Users send pictures only; agents send anything. */
const attached = (author: string, it: Attached): HTMLElement =>
  author === "user" || /\.(?:png|jpe?g|webp)$/i.test(it.name) ? picture(it) : saveable(it);

export const clock = (at: string | number): HTMLElement => {
  const date = new Date(at);
  return h("time", { datetime: date.toISOString(), title: date.toLocaleString(config.lang) }, date.toLocaleTimeString(config.lang, { hour: "2-digit", minute: "2-digit" }));
};

/** The user's own words, and the names of buttons and fields that they pressed and filled in. */
function shown({ author, text, seq }: Message): string {
  if (author !== "user") return text;
  const before = [...state.messages.values()].filter((each) => each.seq < seq).reverse();
  const pressed = before.flatMap((each) => each.reply?.choices ?? []).find((choice) => choice.id === text);
  return pressed?.label ?? text.replace(/^(?:no_)?(product_name|error_message|email): /gm, (_, name: string) => `${t(`short_${name}`)}: `);
}

/** A message as it stands in the log. */
export function bubble(message: Message): HTMLElement {
  const { author, seq, name } = message;
  const text = shown(message);
  const who = author === "user" ? t("you") : author === "agent" ? name : author === "bot" ? config.name : "";
  return h("article", { class: `m ${author}${seq < 2 ? " first" : ""}`, "data-seq": seq },
    author === "agent" && h("span", { class: "face", "aria-hidden": "true" }, (name || "?").trim().slice(0, 1).toUpperCase()),
    h("div", { class: "b" },
      h("span", { class: author === "agent" ? "name" : "sr" }, who && (author === "agent" ? who : `${who}: `)),
      ...(message.reply ? reply(seq, message.reply) : [h("p", { class: "text", dir: "auto", ...(text.length > 900 ? { tabindex: 0 } : {}) }, ...plain(text))]),
      ...message.attachments.map((each) => attached(author, each))),
    author !== "system" && h("footer", {}, clock(message.at)));
}

/** Buttons and forms belong to the newest reply only. */
export function settle(element: HTMLElement, newest: boolean): void {
  for (const each of element.querySelectorAll<HTMLElement>(".choices, .case-form")) each.hidden = !newest;
}
