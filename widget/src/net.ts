/** Everything that goes over the wire: calls, the queue of what is to be sent, and the live stream of one leading tab. */
import { config, last, newKey, saved, state, t, update } from "./state";
import type { Body, Conversation, Message } from "./types";

/** The server's no, in its own words. */
export class Refused extends Error {
  constructor(readonly status: number, detail: string, readonly wait: number) {
    super(detail);
  }
}

interface Answer { id: string; token: string; messages: Message[]; conversation: Conversation }
type Listener = () => void;
let changed: Listener = () => {};
let arrived: (message: Message) => void = () => {};
let tabs: BroadcastChannel | undefined;
let live: AbortController | undefined;
let retryAt = 0;
let misses = 0;

/** One call to the API. Throws `Refused`, or TypeError where there is no way to the server. */
export async function call<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const { token } = saved();
  const all: Record<string, string> = { ...headers };
  if (token) all["Authorization"] = `Bearer ${token}`;
  if (state.identity) all["Helpbot-Identity"] = state.identity;
  if (method === "POST") all["Idempotency-Key"] ??= newKey();
  const raw = body instanceof Blob;
  if (body && !raw) all["Content-Type"] = "application/json";
  const response = await fetch(`/api/v1/conversations${path}`, {
    method, headers: all, credentials: "omit", cache: "no-store",
    ...(body ? { body: raw ? body : JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(30_000),
  });
  const type = response.headers.get("Content-Type") ?? "";
  if (response.ok) return (type.includes("json") ? response.json() : type.startsWith("text/") ? response.text() : response.blob()) as Promise<T>;
  const problem = await response.json().catch(() => ({}));
  throw new Refused(response.status, problem.detail || problem.title || t("failed"), Number(response.headers.get("Retry-After")) || 0);
}

/**
 * Messages and the conversation's state, from wherever they came; each number counts once. `whole`: nothing lies
 * between them and what was known. The answer to one's own words proves no such thing: another browser of the same
 * user may have been quicker, and its words come later, or, if one went on from the newest number, never.
 */
export function take(messages: Message[], conversation?: Conversation | null, tell = true, whole = false): void {
  if (tell && tabs) tabs.postMessage({ messages, conversation, id: saved().id });
  for (const message of messages) {
    if (state.messages.has(message.seq)) continue;
    state.messages.set(message.seq, message);
    arrived(message);
  }
  if (whole) state.upto = Math.max(state.upto, ...messages.map(({ seq }) => seq));
  while (state.messages.has(state.upto + 1)) state.upto++;
  if (conversation && conversation.last_seq >= (state.conversation?.last_seq ?? 0)) state.conversation = conversation;
  changed();
  watch();
  if (last() > state.upto) void refresh();
}

let catching = false;

/** Catch up with everything after what is known: by number, never by time. */
export async function refresh(): Promise<void> {
  const { id } = saved();
  if (!id || catching) return;
  catching = true;
  try {
    for (;;) {
      const answer = await call<Answer>("GET", `/${id}/messages?after=${state.upto}`);
      if (saved().id !== id) return; // begun anew, or another user's turn, meanwhile
      take(answer.messages, answer.conversation, true, true);
      online(true);
      if (answer.messages.length < 200) return;
    }
  } catch (error) {
    if (error instanceof Refused && error.status === 404) forget();
    else online(false);
  } finally {
    catching = false;
  }
}

/** Nothing is known of any conversation. */
export function clear(): void {
  live?.abort();
  live = undefined;
  state.messages.clear();
  state.upto = 0;
  state.conversation = null;
}

/** Leave this conversation; the next message begins a new one. */
export function forget(): void {
  clear();
  update((now) => {
    delete now.id;
    delete now.token;
    delete now.rated;
    Object.assign(now, { start: newKey(), ticks: [], read: 0, form: {} });
  });
  tabs?.postMessage("forget");
  changed();
}

function online(yes: boolean): void {
  if (yes) misses = 0;
  if (state.offline === !yes) return;
  state.offline = !yes;
  changed();
}

/** Make sure that there is a conversation. */
export async function begin(): Promise<string> {
  const now = saved();
  if (now.id) return now.id;
  update(() => {}); // keeps the key even if the answer is lost on the way
  const start = update((each) => (each.start = now.start)).start;
  const answer = await call<Answer>("POST", "", { site: config.site, context: state.context }, { "Idempotency-Key": start });
  update((each) => Object.assign(each, { id: answer.id, token: answer.token }));
  take(answer.messages, answer.conversation);
  return answer.id;
}

/** Put something into the queue and send it as soon as can be. */
export function send(body: Body, echo: string): void {
  update((now) => now.queue.push({ key: newKey(), body, echo, at: Date.now(), context: state.context }));
  changed();
  void flush();
}

/** Run alone among all tabs of this browser, where the browser can arrange that. */
const alone = <T>(name: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> =>
  navigator.locks ? navigator.locks.request(`helpbot:${name}`, signal ? { signal } : {}, work) : work();

/** Send what is queued, in order, one at a time. What cannot go now stays queued. */
export async function flush(): Promise<void> {
  if (state.sending || Date.now() < retryAt) return;
  state.sending = true;
  changed();
  try {
    await alone(`send:${config.site}`, async () => {
      let lost = 0;
      for (;;) {
        const item = saved().queue.find((each) => !each.failed);
        if (!item) return;
        try {
          const id = await begin();
          const answer = await call<Answer>("POST", `/${id}/messages`, { ...item.body, context: item.context }, { "Idempotency-Key": item.key });
          update((now) => (now.queue = now.queue.filter((each) => each.key !== item.key)));
          state.retrying = false;
          online(true);
          take(answer.messages, answer.conversation);
        } catch (error) {
          if (!(error instanceof Refused) || error.status >= 500 || error.status === 429 || error.status === 408 || (error.status === 409 && error.wait)) throw error;
          if (error.status === 404 && !lost++) forget();
          else update((now) => now.queue.forEach((each) => { if (each.key === item.key) each.failed = error.message; }));
        }
      }
    });
  } catch (error) {
    const wait = error instanceof Refused && error.wait ? error.wait * 1000 : Math.min(15_000, 500 * 2 ** misses++);
    state.retrying = error instanceof Refused;
    if (!state.retrying) online(false);
    retryAt = Date.now() + wait;
    setTimeout(flush, wait + 5);
  } finally {
    state.sending = false;
    changed();
    if (saved().queue.some((item) => !item.failed)) void flush(); // queued while the last answer was on its way
  }
}

/** Try at once: the network came back, or the user asked for it. */
export function wake(): void {
  retryAt = 0;
  void flush();
  void refresh();
}

const wanted = (): boolean => !!saved().id && (state.open || state.conversation?.phase === "waiting" || state.conversation?.owner === "agent");

/** Listen while there may be something to hear; of many tabs one listens and tells the others. */
export function watch(): void {
  if (wanted() === !!live) return;
  if (live) {
    live.abort();
    live = undefined;
    return;
  }
  const controller = (live = new AbortController());
  const { signal } = controller;
  const work = navigator.locks ? alone(`live:${saved().id}`, () => listen(signal), signal) : poll(signal);
  work.catch(() => {}).finally(() => {
    if (live === controller) live = undefined;
  });
}

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
    addEventListener("online", () => done(), { once: true });
  });

async function poll(signal: AbortSignal): Promise<void> {
  for (; !signal.aborted; await pause(3000, signal)) await refresh();
}

async function listen(signal: AbortSignal): Promise<void> {
  for (let failures = 0; !signal.aborted; ) {
    try {
      await stream(signal, () => (failures = 0));
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && error.status === 404) return forget();
      if (!(error instanceof Refused)) online(false);
    }
    await pause(Math.min(10_000, 400 * 2 ** failures++) * (0.7 + Math.random() * 0.6), signal);
    await refresh();
  }
}

async function stream(outer: AbortSignal, heard: () => void): Promise<void> {
  const { id, token } = saved();
  const cut = new AbortController();
  const stop = (): void => cut.abort();
  outer.addEventListener("abort", stop, { once: true });
  let watchdog = setTimeout(stop, 40_000); // the server says something every 15 s: silence means the line is dead
  try {
    const response = await fetch(`/api/v1/conversations/${id}/stream`, {
      headers: { Authorization: `Bearer ${token}`, "Last-Event-ID": String(state.upto), Accept: "text/event-stream" },
      credentials: "omit", cache: "no-store", signal: cut.signal,
    });
    if (!response.ok || !response.body) throw new Refused(response.status, "", 0);
    online(true);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let buffer = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(stop, 40_000);
      heard();
      const events = (buffer + value).split("\n\n");
      buffer = events.pop()!;
      for (const event of events) {
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (!data) continue;
        const kind = /^event: (\w+)$/m.exec(event)?.[1];
        if (kind === "state") take([], JSON.parse(data));
        else if (kind === "message") take([JSON.parse(data)], null, true, true);
      }
    }
  } finally {
    clearTimeout(watchdog);
    outer.removeEventListener("abort", stop);
  }
}

/** Begin: `onChange` is called whenever something is to be drawn, `onMessage` once for each message. */
export function connect(onChange: Listener, onMessage: (message: Message) => void): void {
  changed = onChange;
  arrived = onMessage;
  tabs?.close();
  tabs = "BroadcastChannel" in window ? new BroadcastChannel(`helpbot:${config.site}:${state.who}`) : undefined;
  if (tabs)
    tabs.onmessage = ({ data }) => {
      if (data === "forget") {
        clear();
        changed();
      } else if (data.id === saved().id) take(data.messages, data.conversation, false);
      else void refresh();
    };
}
