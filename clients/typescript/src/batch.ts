// Events that are sent together, and what an answer means for them.

import type { Event } from "./event.js";

export const PATH = "/events?on_invalid=skip";
const FIRST_PAUSE = 0.2;
const MAX_PAUSE = 30;
const MAX_RETRY_AFTER = 300;
// What may be better the next time: the service's 429 and 503, and what a proxy answers in its place.
const AGAIN = new Set([408, 425, 429, 500, 502, 503, 504]);
// The batch as a whole is too much; its halves may not be.
const TOO_MUCH = new Set(["too_many_events", "body_too_large"]);

/** Seconds where there are any. `faults`: the first of the events that were refused alone, by position. */
export type Verdict =
  | { kind: "delivered"; accepted: number; applied: number; faults: Map<number, { code: string; message: string }> }
  | { kind: "again"; seconds: number; reason: string }
  | { kind: "halves" }
  | { kind: "lost"; code: string; message: string };

/** Its body and Idempotency-Key stay the same in every attempt, so that it is applied once. */
export class Batch {
  readonly body: string;
  attempts = 0;
  #key = randomKey();

  /** `queued`: how many of the events, the first, come from the queue. `deadline`: when to give up, in ms. */
  constructor(
    readonly events: Event[],
    readonly queued: number,
    readonly deadline: number,
  ) {
    this.body = JSON.stringify({ items: events });
  }

  get headers(): Record<string, string> {
    return { "Content-Type": "application/json", ...(this.#key ? { "Idempotency-Key": this.#key } : {}) };
  }

  /** Two batches with keys of their own. */
  halves(): [Batch, Batch] {
    const middle = Math.floor(this.events.length / 2);
    const queued = Math.min(this.queued, middle);
    return [
      new Batch(this.events.slice(0, middle), queued, this.deadline),
      new Batch(this.events.slice(middle), this.queued - queued, this.deadline),
    ];
  }

  /** There was no answer. */
  unreachable(reason: string): Verdict {
    this.attempts += 1;
    return { kind: "again", seconds: this.#pause(), reason };
  }

  /** What an answer means. */
  judge(status: number, retryAfter: string | null, text: string): Verdict {
    this.attempts += 1;
    const answer = objectOf(text);
    const code = String(answer["code"] ?? `http_${status}`);
    const message = String(answer["title"] ?? `HTTP ${status}`);
    if (status === 200 && typeof answer["accepted"] === "number") {
      const applied = Number(answer["applied"] ?? 0);
      return { kind: "delivered", accepted: answer["accepted"], applied, faults: faultsOf(answer["errors"]) };
    }
    if (AGAIN.has(status)) {
      return { kind: "again", seconds: Math.max(secondsOf(retryAfter), this.#pause()), reason: `${code}: ${message}` };
    }
    if (code === "too_many_keys" && this.#key) {
      // The service remembers no more keys. Without one a repeated batch still ends in the same state.
      this.#key = "";
      return { kind: "again", seconds: 0, reason: code };
    }
    if (TOO_MUCH.has(code) && this.events.length > 1) return { kind: "halves" };
    if (status < 400) {
      return { kind: "lost", code: "not_modepulse", message: `HTTP ${status}, and not the answer of a Modepulse` };
    }
    return { kind: "lost", code, message };
  }

  /** Longer each time, and never the same for two clients. */
  #pause(): number {
    const longest = Math.min(FIRST_PAUSE * 2 ** Math.min(this.attempts, 20), MAX_PAUSE);
    return longest * (0.5 + Math.random() / 2);
  }
}

/** crypto.randomUUID is for secure contexts only, getRandomValues for all. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === "object" && read !== null ? (read as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** The faults of `errors` that are about an item, the first of each. */
function faultsOf(errors: unknown): Map<number, { code: string; message: string }> {
  const faults = new Map<number, { code: string; message: string }>();
  for (const error of Array.isArray(errors) ? errors : []) {
    const [items, position] = Array.isArray(error?.loc) ? error.loc : [];
    if (items === "items" && typeof position === "number" && !faults.has(position)) {
      faults.set(position, { code: String(error.code), message: String(error.message) });
    }
  }
  return faults;
}

/** Of a Retry-After, a number or a date; 0 where there is neither. */
export function secondsOf(retryAfter: string | null): number {
  if (!retryAfter) return 0;
  const number = Number(retryAfter);
  const seconds = Number.isNaN(number) ? (Date.parse(retryAfter) - Date.now()) / 1000 : number;
  return Number.isNaN(seconds) ? 0 : Math.min(Math.max(seconds, 0), MAX_RETRY_AFTER);
}
