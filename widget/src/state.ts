/** What the widget remembers, in this browser only: which conversation, what is still to be sent, which steps are done. */
import type { Config, Conversation, Item, Message } from "./types";

export interface Saved {
  id?: string;
  token?: string;
  start: string; // the key that the conversation is started with: the same however often it is tried
  queue: Item[];
  ticks: string[];
  read: number;
  rated?: boolean;
  draft: string;
  form: Record<string, string>;
}

export const config: Config = JSON.parse(document.body.dataset["config"]!);
export const t = (name: string, values: Record<string, string | number> = {}): string =>
  (config.texts[name] ?? name).replace(/\{(\w+)\}/g, (_, key: string) => String(values[key] ?? ""));

/** An unguessable name, good as an idempotency key. */
export const newKey = (): string => Array.from(crypto.getRandomValues(new Uint8Array(12)), (n) => n.toString(36).padStart(2, "0")).join("");

export const state = {
  who: "", // whose conversation this is: nobody's, or a signed-in user's
  identity: null as string | null,
  context: {} as Record<string, string>,
  messages: new Map<number, Message>(),
  upto: 0, // everything up to this number is here: where to go on from
  conversation: null as Conversation | null,
  open: false,
  offline: false,
  sending: false,
  retrying: false, // the server answers, but not now
};

let memory: Record<string, string> = {};
const place = (): string => `helpbot:${config.site}${state.who && `:${state.who}`}`;

/** What is saved, read afresh: another tab may have changed it. */
export function saved(): Saved {
  let raw: string | null | undefined;
  try {
    raw = localStorage.getItem(place());
  } catch {
    raw = memory[place()];
  }
  const empty: Saved = { start: newKey(), queue: [], ticks: [], read: 0, draft: "", form: {} };
  try {
    if (raw) return { ...empty, ...JSON.parse(raw) };
  } catch {}
  return empty;
}

/** Change what is saved. */
export function update(change: (saved: Saved) => void): Saved {
  const now = saved();
  change(now);
  try {
    localStorage.setItem(place(), JSON.stringify(now));
  } catch {
    memory = { ...memory, [place()]: JSON.stringify(now) };
  }
  return now;
}

/** The number of the newest message that is known. */
export const last = (): number => Math.max(0, ...state.messages.keys());
