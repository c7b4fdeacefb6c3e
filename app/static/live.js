// The live stream of GET /stats/stream, kept open.

import { isRefusal, reason } from "./api.js";

const SILENCE_SECONDS = 20;
const HEALTH_SECONDS = 5;
const PAUSES = [1000, 2000, 5000];

/**
 * Listens until `stop()`. `onData` gets each newer state, `onState` what the connection is:
 * "live", "disconnected" (it is being tried again) or "error" (it is no use to try again), and why.
 */
export function listen(parameters, onData, onState) {
  const url = `/stats/stream?${new URLSearchParams(parameters)}`;
  let source, timer, silence;
  let failures = 0;
  let stopped = false;

  function connect() {
    source = new EventSource(url);
    source.onopen = () => {
      heard();
      onState("live"); // nothing more need come: who comes back is told only what changed
    };
    source.onmessage = (event) => {
      failures = 0;
      heard();
      onState("live");
      onData(JSON.parse(event.data));
    };
    source.addEventListener("problem", (event) => {
      heard();
      onState("disconnected", JSON.parse(event.data).title);
    });
    source.onerror = () => {
      onState("disconnected");
      if (source.readyState === EventSource.CLOSED) lookWhy(); // else the browser tries again by itself
    };
  }

  /** The browser gives up for good when the answer was not 200, and does not tell what it was. */
  async function lookWhy() {
    const look = new AbortController();
    try {
      const response = await fetch(url, { signal: look.signal });
      if (isRefusal(response.status)) {
        const why = reason(await response.json(), response);
        if (!stopped) onState("error", why);
        return;
      }
    } catch {
      // no answer: try again
    } finally {
      look.abort();
    }
    reconnect();
  }

  function reconnect() {
    source.close();
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(connect, PAUSES[Math.min(failures++, PAUSES.length - 1)]);
  }

  /** A connection that is dead without a word is found out by asking another way. */
  function heard() {
    clearTimeout(silence);
    silence = setTimeout(async () => {
      try {
        const response = await fetch("/healthz", { signal: AbortSignal.timeout(HEALTH_SECONDS * 1000) });
        if (!response.ok) throw new Error();
        heard();
      } catch {
        if (stopped) return;
        onState("disconnected");
        reconnect();
      }
    }, SILENCE_SECONDS * 1000);
  }

  connect();
  return function stop() {
    stopped = true;
    clearTimeout(timer);
    clearTimeout(silence);
    source.close();
  };
}
