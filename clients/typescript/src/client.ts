// The client: queues what is reported, sends it in the background, and asks.

import { PATH, type Batch, type Verdict } from "./batch.js";
import type { AreaCode, EventsName, Overview, Stats } from "./event.js";
import { settled, type Options, type Settled } from "./options.js";
import { Outbox, type Totals } from "./outbox.js";
import { ask, pathOf, sleep, stream, type Service } from "./reading.js";

// A browser sends no more than 64 KiB for pages that are gone.
const MAX_KEPT_BYTES = 60_000;
// A timer takes no longer waits.
const MAX_WAIT_MS = 3_600_000;

/** The parts of Node that are used; a browser has none of them. */
interface Node {
  process?: { on?(event: "beforeExit", listener: () => void): void; off?(event: "beforeExit", listener: () => void): void };
}

/**
 * Of the service at `url`. No report waits for the service or throws because of it.
 *
 * A page that is left, and a Node program that has nothing else to do, send what is still queued.
 */
export class Modepulse {
  #options: Settled;
  #service: Service;
  #outbox: Outbox;
  #ending = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending = false;
  #flushing = 0;
  #closed = false;
  #waiting = new Set<() => void>();

  /** Throws TypeError for an address that is none, RangeError for options that cannot be. */
  constructor(url: string, options: Options = {}) {
    if (!/^https?:\/\//.test(url)) throw new TypeError(`the address starts with http:// or https://: ${url}`);
    this.#options = settled(options);
    const key = this.#options.key.trim();
    if (!/^[\x21-\x7e]*$/.test(key)) throw new TypeError("a key is letters, digits and _");
    const headers: Record<string, string> = key ? { "X-API-Key": key } : {};
    this.#service = { url: url.replace(/\/+$/, ""), headers, fetch: this.#options.fetch };
    this.#outbox = new Outbox(this.#options);
    globalThis.addEventListener?.("pagehide", this.#leave);
    (globalThis as Node).process?.on?.("beforeExit", this.#exit);
  }

  /** A user starts to play. Until `logout` heartbeats report that the session lasts. */
  login(user: string, area: AreaCode, mode: string, at?: number): void {
    this.#put("LOGIN", user, area, mode, at);
  }

  /** A user stops. `at`: when it happened, seconds since 1970; without it: now. */
  logout(user: string, area: AreaCode, mode: string, at?: number): void {
    this.#put("LOGOUT", user, area, mode, at);
  }

  /** A user still plays: for sessions that another process logged in; those of this one have theirs by timer. */
  heartbeat(user: string, area: AreaCode, mode: string, at?: number): void {
    this.#put("HEARTBEAT", user, area, mode, at);
  }

  /** What was done so far. */
  get totals(): Totals {
    return this.#outbox.totals;
  }

  /** Sends what is queued now. False: it was not answered within `seconds`. */
  async flush(seconds = Infinity): Promise<boolean> {
    const target = this.#outbox.putCount;
    return this.#sent(seconds, () => this.#outbox.settledCount >= target);
  }

  /**
   * Takes no more events, sends those queued and ends. False: some were lost since they could not be sent within
   * `seconds`. `logOut`: all sessions that were logged in here end first.
   */
  async close({ seconds = 5, logOut = false } = {}): Promise<boolean> {
    if (this.#closed) return true;
    this.#closed = true;
    if (logOut) this.#outbox.logOutAll();
    const sent = await this.#sent(seconds, () => this.#outbox.idle);
    this.#outbox.loseAll();
    this.#ending.abort();
    clearTimeout(this.#timer);
    globalThis.removeEventListener?.("pagehide", this.#leave);
    (globalThis as Node).process?.off?.("beforeExit", this.#exit);
    this.#outbox.losses.report(this.#options.onLoss);
    return sent;
  }

  /** What is played now, most played first; `limit`: only the first modes of each area. Throws Refused. */
  async stats(areas: AreaCode | readonly AreaCode[], limit?: number): Promise<Stats> {
    const signal = AbortSignal.timeout(this.#options.timeoutSeconds * 1000);
    return (await ask(this.#service, pathOf("/stats", areas, limit), { signal })).json();
  }

  /** The stats now, then each change, without end: `for await`. Connects again by itself. Throws Refused. */
  stream(areas: AreaCode | readonly AreaCode[], { limit, signal }: StreamOptions = {}): AsyncGenerator<Stats> {
    return stream<Stats>(this.#service, pathOf("/stats/stream", areas, limit), signal);
  }

  /** The same for all areas with players. */
  overview({ limit, signal }: StreamOptions = {}): AsyncGenerator<Overview> {
    return stream<Overview>(this.#service, pathOf("/stats/stream", "*", limit), signal);
  }

  #put(name: EventsName, user: string, area: AreaCode, mode: string, at?: number): void {
    this.#outbox.put(name, user, area, mode, at);
    this.#schedule();
  }

  /** Whether it is done before the time is over; without waiting for more events. */
  async #sent(seconds: number, done: () => boolean): Promise<boolean> {
    this.#flushing += 1;
    const end = performance.now() + seconds * 1000;
    try {
      this.#schedule();
      while (!done()) {
        const left = end - performance.now();
        if (left <= 0) return false;
        await this.#progress(left);
      }
      return true;
    } finally {
      this.#flushing -= 1;
      this.#schedule();
    }
  }

  /** Until a batch is settled, or the time is over. Node does not end meanwhile. */
  #progress(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(ms, MAX_WAIT_MS));
      this.#waiting.add(wake);
    });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#sending || this.#ending.signal.aborted) return;
    const wait = this.#flushing && this.#outbox.waits ? 0 : this.#outbox.msToNext();
    if (wait === Infinity) return;
    this.#timer = setTimeout(() => void this.#sendAll(), Math.min(Math.max(wait, 0), MAX_WAIT_MS));
    // Node may end while only this is to come: `beforeExit` sends the rest.
    (this.#timer as { unref?(): void }).unref?.();
  }

  async #sendAll(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    for (let batch; (batch = this.#outbox.nextBatch(this.#flushing > 0)); ) {
      await this.#deliver(batch);
    }
    this.#sending = false;
    this.#outbox.losses.report(this.#options.onLoss);
    this.#schedule();
  }

  /** Until the batch is answered or lost. */
  async #deliver(batch: Batch): Promise<void> {
    let verdict = await this.#post(batch);
    while (verdict.kind === "again") {
      const { seconds, reason } = verdict;
      if (performance.now() + seconds * 1000 > batch.deadline || this.#ending.signal.aborted) {
        verdict = { kind: "lost", code: "gave_up", message: reason };
        break;
      }
      if (batch.attempts === 1 && seconds) console.warn(`modepulse: events wait, and are sent again: ${reason}`);
      this.#outbox.losses.report(this.#options.onLoss);
      await sleep(seconds, this.#ending.signal, true);
      this.#outbox.retry();
      verdict = await this.#post(batch);
    }
    if (verdict.kind === "halves") {
      for (const half of batch.halves()) await this.#deliver(half);
      return;
    }
    this.#outbox.conclude(batch, verdict);
    for (const wake of [...this.#waiting]) wake();
  }

  async #post(batch: Batch): Promise<Verdict> {
    // What is small outlives the page; but a browser refuses where all such requests together are too large.
    const keepalive = batch.body.length * 3 < MAX_KEPT_BYTES && batch.attempts % 2 === 0;
    try {
      const answer = await this.#service.fetch(this.#service.url + PATH, {
        method: "POST",
        headers: { ...this.#service.headers, ...batch.headers },
        body: batch.body,
        keepalive,
        signal: AbortSignal.timeout(this.#options.timeoutSeconds * 1000),
      });
      return batch.judge(answer.status, answer.headers.get("Retry-After"), await answer.text());
    } catch (error) {
      return batch.unreachable(String(error));
    }
  }

  /** Node has nothing else to do. */
  #exit = (): void => void this.close();

  /** The page is left, perhaps for good: what is queued is sent beside what is under way. */
  #leave = (): void => {
    for (let batch; (batch = this.#outbox.nextBatch(true)); ) void this.#deliver(batch);
  };
}

export interface StreamOptions {
  /** Only the first modes of each area, or the first areas. */
  limit?: number;
  /** Ends the stream. */
  signal?: AbortSignal;
}
