// Subscribes to GET /stats/stream and keeps the connection open.

import { address } from "./address.js";
import { isRefusal, lacksKey, reason } from "./api.js";

const SILENCE_SECONDS = 20;
const HEALTH_SECONDS = 5;
const PAUSES = [1000, 2000, 5000]; // milliseconds before each further attempt

/**
 * Listens until the returned function is called. `onData` gets each newer state; `onState` gets the connection's state
 * and the reason for it: "live", "disconnected" (a retry follows) or "error" (the request is invalid: no retry).
 */
export function listen(parameters, onData, onState) {
  const url = address(`/stats/stream?${new URLSearchParams(parameters)}`);
  let source, timer, silence;
  let failures = 0;
  let stopped = false;

  function connect() {
    source = new EventSource(url);
    source.onopen = () => {
      heard();
      onState("live"); // after a reconnect data arrives only once something changed
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
      if (source.readyState === EventSource.CLOSED) findReason(); // else the browser retries by itself
    };
  }

  /** EventSource gives up on any status but 200 and does not expose it, so the request is repeated to read it. */
  async function findReason() {
    const attempt = new AbortController();
    try {
      const response = await fetch(url, { signal: attempt.signal });
      if (stopped || lacksKey(response)) return;
      if (isRefusal(response.status)) {
        const why = reason(await response.json(), response);
        if (!stopped) onState("error", why);
        return;
      }
    } catch {
      // no response: retry below
    } finally {
      attempt.abort();
    }
    reconnect();
  }

  function reconnect() {
    source.close();
    clearTimeout(timer);
    if (!stopped) timer = setTimeout(connect, PAUSES[Math.min(failures++, PAUSES.length - 1)]);
  }

  /** Restarts the silence timer. When it fires, a request to /healthz finds out whether the service is still there. */
  function heard() {
    clearTimeout(silence);
    silence = setTimeout(async () => {
      try {
        const response = await fetch(address("/healthz"), { signal: AbortSignal.timeout(HEALTH_SECONDS * 1000) });
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
