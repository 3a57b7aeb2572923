/** What travels between the loader and the app, and what the API answers (channels/web/schema.py holds the other end). */

export type Down = ["open"] | ["close"] | ["ask", string] | ["identify", string | null] | ["context", Record<string, string>];
export type Up =
  | ["close"]
  | ["unread", number, string]
  | ["colour", string]
  | ["live", boolean]
  | ["event", string, unknown];

export interface Citation { article: string; title: string; section: string; anchor: string; url: string }
export interface Choice { id: string; label: string }
export interface FormField { name: string; label: string; value: string; help: string; asked_now: boolean }
export type Part =
  | { type: "text"; text: string; role: string }
  | { type: "steps"; steps: { text: string; go: string | null; source: number | null }[] }
  | { type: "points"; points: { text: string; term: string | null; source: number | null }[] }
  | { type: "code"; text: string }
  | { type: "form"; fields: FormField[] }
  | { type: "case"; number: string; state: string; product_name: string; error_message: string };
export interface Reply {
  outcome: string;
  reply: string;
  parts: Part[];
  citations: Citation[];
  choices: Choice[];
  awaiting: string[];
  understood: string;
}
export interface Message {
  seq: number;
  author: "user" | "bot" | "agent" | "system";
  name: string;
  text: string;
  at: string;
  reply: Reply | null;
  attachments: { id: string; name: string; size: number }[];
  key: string;
}
export interface Conversation {
  id: string;
  phase: string;
  owner: string;
  agent: string;
  verified: boolean;
  cases: { number: string; state: string; owner: string }[];
  last_seq: number;
}
export interface Body { text?: string; choice?: string; form?: Record<string, string>; attachments?: string[] }
/** One thing the user did that the server has not confirmed. `key` makes sending it twice harmless. */
export interface Item { key: string; body: Body; echo: string; at: number; context: Record<string, string>; failed?: string }
export interface Config {
  site: string;
  lang: string;
  dir: string;
  theme: string;
  name: string;
  colours: { brand: string; on: string; ink: string; ink_dark: string };
  allowed: string[];
  attachments: boolean;
  mail: boolean;
  greeting: Reply;
  texts: Record<string, string>;
}
