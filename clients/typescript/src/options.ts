// How a client queues, sends and repeats.

import { logLoss, type Loss } from "./loss.js";

/** Times are in seconds. */
export interface Options {
  /** An API key, where the service needs one. Whoever has the page has a key that is in it: give it one scope only. */
  key?: string;
  /** A batch that has as many is sent at once; none has more. 500 */
  batchEvents?: number;
  /** How long an event waits for others. 1 */
  batchSeconds?: number;
  /** Events that wait at most. 10,000 */
  queueEvents?: number;
  /** What a full queue does: forget the event that has waited longest, or throw QueueFull. "drop_oldest" */
  whenFull?: "drop_oldest" | "throw";
  /** How often sessions are reported to last: well within the service's lease (900 s). 0: never. 300 */
  heartbeatSeconds?: number;
  /** Events get the time of this machine's clock, which has to be right; otherwise the time of their arrival. false */
  stamp?: boolean;
  /** How long a batch is repeated before it is lost. 900 */
  giveUpSeconds?: number;
  /** How long one request may take. 15 */
  timeoutSeconds?: number;
  /** Called for events that were lost. Writes to the console */
  onLoss?: (loss: Loss) => void;
  /** In place of the global one. */
  fetch?: typeof fetch;
}

export type Settled = Required<Options>;

/** With the defaults. Throws RangeError. */
export function settled(options: Options): Settled {
  const all: Settled = {
    key: "",
    batchEvents: 500,
    batchSeconds: 1,
    queueEvents: 10_000,
    whenFull: "drop_oldest",
    heartbeatSeconds: 300,
    stamp: false,
    giveUpSeconds: 900,
    timeoutSeconds: 15,
    onLoss: logLoss,
    fetch: (...request) => fetch(...request),
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
  };
  if (!(all.batchEvents >= 1 && all.batchEvents <= all.queueEvents)) {
    throw new RangeError("batchEvents is 1 to queueEvents");
  }
  for (const name of ["batchSeconds", "heartbeatSeconds", "giveUpSeconds"] as const) {
    if (!(all[name] >= 0)) throw new RangeError(`${name} is not negative`);
  }
  if (!(all.timeoutSeconds > 0)) throw new RangeError("timeoutSeconds is positive");
  return all;
}
