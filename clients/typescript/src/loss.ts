// Events that the service will never count.

import type { Event } from "./event.js";

const MAX_EXAMPLES = 100;

/**
 * `count` events were lost for the same reason; `examples` are the first of them. `code` is the service's, or
 * `queue_full`, `invalid_event`, `gave_up`, `closed`, `refused`, `not_modepulse`.
 */
export interface Loss {
  code: string;
  message: string;
  count: number;
  examples: Event[];
}

/** Losses since they were last taken, added up by their reason. */
export class Losses {
  #losses = new Map<string, Loss>();

  /** `events`: those of the `count` that are known. */
  add(code: string, message: string, events: Event[], count: number): void {
    const reason = `${code}: ${message}`;
    const loss = this.#losses.get(reason) ?? { code, message, count: 0, examples: [] };
    loss.count += count;
    loss.examples.push(...events.slice(0, MAX_EXAMPLES - loss.examples.length));
    this.#losses.set(reason, loss);
  }

  /** Whatever the callback throws is written to the console: sending goes on. */
  report(onLoss: (loss: Loss) => void): void {
    const losses = this.#losses;
    this.#losses = new Map();
    for (const loss of losses.values()) {
      try {
        onLoss(loss);
      } catch (error) {
        console.error("modepulse: onLoss failed", error);
      }
    }
  }
}

/** Writes a warning, without names of users. */
export function logLoss(loss: Loss): void {
  console.warn(`modepulse: ${loss.count} events were lost (${loss.code}): ${loss.message}`);
}
