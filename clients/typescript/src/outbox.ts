// What waits to be sent: events in their order, then the heartbeats that are due. Knows no network and no timers.

import { Batch, type Verdict } from "./batch.js";
import { faultOf, type AreaCode, type Event, type EventsName } from "./event.js";
import { Losses } from "./loss.js";
import type { Settled } from "./options.js";

type Session = Pick<Event, "user_id" | "area_code" | "multiplayer_mode">;

// Between two stamps at least, in seconds: the service keeps microseconds, and two events of a session at one time
// are one.
const TICK = 0.000_002;
const CLOSED = "the client was closed before they could be sent";

/** Numbers of events, but for `retries`, which counts requests. */
export interface Totals {
  /** Wait now, those in the request under way too. */
  queued: number;
  /** Were taken by the service, heartbeats included. */
  accepted: number;
  /** Of these, those that changed a counter. */
  applied: number;
  /** Were dropped or refused; `onLoss` says why. */
  lost: number;
  retries: number;
}

/** The queue is full, and `whenFull` is "throw". The event is not queued. */
export class QueueFull extends Error {}

export class Outbox {
  readonly losses = new Losses();
  /** Events ever queued, and those that no longer wait for an answer. */
  putCount = 0;
  settledCount = 0;
  #events: { since: number; event: Event }[] = [];
  #sessions = new Map<string, Session>();
  // Sessions to report in this round, and as what.
  #round: string[] = [];
  #roundName: EventsName = "HEARTBEAT";
  #nextRound: number;
  #lastStamp = 0;
  #underWay = 0;
  #ended = false;
  #totals = { accepted: 0, applied: 0, lost: 0, retries: 0 };

  constructor(readonly options: Settled) {
    this.#nextRound = performance.now() + options.heartbeatSeconds * 1000;
  }

  /** Queues an event; one that cannot be valid is lost at once. Throws QueueFull. */
  put(name: EventsName, user: string, area: AreaCode, mode: string, at?: number): void {
    const session = { user_id: user, area_code: area, multiplayer_mode: mode };
    const event = this.#event(name, session, at);
    const fault = faultOf(event);
    if (fault || this.#ended) {
      this.lose(fault ? "invalid_event" : "closed", fault || CLOSED, [event]);
      return;
    }
    if (this.#events.length >= this.options.queueEvents) {
      if (this.options.whenFull === "throw") throw new QueueFull(`${this.#events.length} events wait`);
      const oldest = this.#events.shift()!;
      this.lose("queue_full", "the service does not take events as fast as they come", [oldest.event]);
      this.settledCount += 1;
    }
    const identity = [user, area, mode].join("|");
    if (name === "LOGOUT") this.#sessions.delete(identity);
    else this.#sessions.set(identity, session);
    this.#events.push({ since: performance.now(), event });
    this.putCount += 1;
  }

  /** Ends all sessions, in place of heartbeats. */
  logOutAll(): void {
    this.#round = [...this.#sessions.keys()];
    this.#roundName = "LOGOUT";
  }

  /** What is to be sent now; null: nothing is yet. `atOnce`: without waiting for more events. */
  nextBatch(atOnce = false): Batch | null {
    const { batchEvents, heartbeatSeconds, giveUpSeconds } = this.options;
    const now = performance.now();
    if (heartbeatSeconds && now >= this.#nextRound) {
      this.#nextRound = now + heartbeatSeconds * 1000;
      if (!this.#round.length) {
        this.#round = [...this.#sessions.keys()];
        this.#roundName = "HEARTBEAT";
      }
    }
    if (!(atOnce || this.#round.length || this.msToNext() <= 0)) return null;
    const events = this.#events.splice(0, batchEvents).map(({ event }) => event);
    const queued = events.length;
    while (events.length < batchEvents && this.#round.length) {
      const identity = this.#round.pop()!;
      const session = this.#sessions.get(identity);
      if (!session) continue;
      events.push(this.#event(this.#roundName, session));
      if (this.#roundName === "LOGOUT") this.#sessions.delete(identity);
    }
    if (!events.length) return null;
    this.#underWay += events.length;
    return new Batch(events, queued, now + giveUpSeconds * 1000);
  }

  /** Until something may have to be sent, in ms; not positive: now. Infinity: there is nothing. */
  msToNext(): number {
    const now = performance.now();
    const first = this.#events[0];
    let wait = Infinity;
    if (first) {
      const full = this.#events.length >= this.options.batchEvents;
      wait = full ? 0 : first.since + this.options.batchSeconds * 1000 - now;
    }
    if (this.#round.length) wait = 0;
    if (this.options.heartbeatSeconds && this.#sessions.size) wait = Math.min(wait, this.#nextRound - now);
    return wait;
  }

  /** The batch was answered, or is lost. */
  conclude(batch: Batch, verdict: Extract<Verdict, { kind: "delivered" | "lost" }>): void {
    if (this.#ended) return;
    this.settledCount += batch.queued;
    this.#underWay -= batch.events.length;
    if (verdict.kind === "lost") {
      this.lose(verdict.code, verdict.message, batch.events);
      return;
    }
    this.#totals.accepted += verdict.accepted;
    this.#totals.applied += verdict.applied;
    for (const [position, { code, message }] of verdict.faults) {
      const event = batch.events[position];
      if (event) this.lose(code, message, [event]);
    }
    const unnamed = batch.events.length - verdict.accepted - verdict.faults.size;
    if (unnamed > 0) this.lose("refused", "the service named only the first faults", [], unnamed);
  }

  /** A request is repeated. */
  retry(): void {
    this.#totals.retries += 1;
  }

  /** `count`: of all that were lost, where not all are known. */
  lose(code: string, message: string, events: Event[], count = events.length): void {
    if (!count) return;
    this.#totals.lost += count;
    this.losses.add(code, message, events, count);
  }

  /** The client ends: what waits is lost. */
  loseAll(): void {
    const waiting = this.#events.map(({ event }) => event);
    this.lose("closed", CLOSED, waiting, waiting.length + this.#underWay);
    this.#events = [];
    this.#round = [];
    this.#sessions.clear();
    this.#underWay = 0;
    this.#ended = true;
    this.settledCount = this.putCount;
  }

  /** Something is to be sent, now or later. */
  get waits(): boolean {
    return this.#events.length > 0 || this.#round.length > 0;
  }

  /** Nothing waits, and nothing is under way. */
  get idle(): boolean {
    return !(this.waits || this.#underWay);
  }

  get totals(): Totals {
    return { ...this.#totals, queued: this.#events.length + this.#underWay };
  }

  #event(name: EventsName, session: Session, at?: number): Event {
    const event: Event = { ...session, events_name: name };
    if (at !== undefined) event.epoch_timestamp = at;
    else if (this.options.stamp) {
      event.epoch_timestamp = this.#lastStamp = Math.max(Date.now() / 1000, this.#lastStamp + TICK);
    }
    return event;
  }
}
