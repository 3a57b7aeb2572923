/** Elements by function: text only ever becomes a text node, so nothing a user wrote can become markup. */

export type Kid = Node | string | null | undefined | false;
type Value = string | number | boolean | null | undefined | ((event: never) => void);

/** An element. A function becomes a listener, `true` an empty attribute; `false` and `null` are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Record<string, Value> = {}, ...kids: Kid[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value as EventListener);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...kids.filter((kid): kid is Node | string => kid !== null && kid !== undefined && kid !== false));
  return element;
}

const ICONS = {
  close: "M6 6l12 12M18 6L6 18",
  menu: "M12 5v.01M12 12v.01M12 19v.01",
  send: "M5 12h14M13 6l6 6-6 6",
  clip: "M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.3 3.3 0 0 1 4.7 4.7l-8.5 8.5a1.7 1.7 0 0 1-2.4-2.4L14.500 7",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  save: "M12 4v11M7 11l5 5 5-5M5 20h14",
  check: "M5 12.500l4.500 4.500L19 7.500",
};

/** A line icon; it says nothing to a screen reader, the button around it does. */
export function icon(name: keyof typeof ICONS): SVGSVGElement {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(ns, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A menu path as chips: `Admin > Tools > Issues`. Read aloud it stays one phrase. */
export function trail(path: string): HTMLElement {
  const parts = path.split(/\s*>\s*/);
  return h("span", { class: "path" }, ...parts.flatMap((part, n) => [n > 0 && h("i", {}, " › "), h("b", {}, part)]));
}

const INLINE = /`([^`\n]+)`|\*\*([^*\n]+)\*\*|(https?:\/\/[^\s<>"'`]*[^\s<>"'`.,;:!?)\]])|([A-Z][\w&]*(?: > [A-Z][\w&-]*(?: [A-Z&][\w&-]*)*)+)/g;

/** The bot's words: `code`, **bold**, links and menu paths are set apart, all else is plain text. */
export function rich(text: string): Node[] {
  const nodes: Node[] = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    if (match.index > end) nodes.push(new Text(text.slice(end, match.index)));
    const [whole, code, bold, link, path] = match;
    if (code) nodes.push(h("code", {}, code));
    else if (bold) nodes.push(h("strong", {}, bold));
    else if (link) nodes.push(h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, link));
    else if (path) nodes.push(trail(path));
    end = match.index + whole.length;
  }
  if (end < text.length) nodes.push(new Text(text.slice(end)));
  return nodes;
}

const ODD = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** Somebody's own words: nothing is interpreted, and characters that would turn the text around are shown by name. */
export function plain(text: string): Node[] {
  return text.split(new RegExp(`(${ODD.source})`)).filter(Boolean).map((piece) =>
    ODD.test(piece) && piece.length === 1
      ? h("span", { class: "odd" }, `U+${piece.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`)
      : new Text(piece),
  );
}
