// What is asked: the stats, once and as they change. EventSource sends no headers, so the stream is read by fetch.

import { secondsOf } from "./batch.js";
import type { AreaCode } from "./event.js";

// The service sends a comment every 15 seconds.
const SILENCE_SECONDS = 45;
const PAUSE_SECONDS = 2;

/** The service answered with an error. `code` is for programs, `retryAfter` in seconds (0: not said). */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly retryAfter: number,
  ) {
    super(`HTTP ${status} ${code}: ${message}`);
  }

  /** Whether the same request may be answered later. */
  get mayPass(): boolean {
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** Where and how to ask. */
export interface Service {
  url: string;
  headers: Record<string, string>;
  fetch: typeof fetch;
}

export function pathOf(path: string, areas: AreaCode | readonly AreaCode[], limit?: number): string {
  const query = new URLSearchParams([areas].flat().map((area) => ["area_code", String(area)]));
  if (limit !== undefined) query.set("limit", String(limit));
  return `${path}?${query}`;
}

/** The answer, if it is a good one. Throws Refused, and TypeError where there is no answer. */
export async function ask(service: Service, path: string, init: RequestInit): Promise<Response> {
  const headers = { ...service.headers, ...(init.headers as Record<string, string>) };
  const answer = await service.fetch(service.url + path, { ...init, headers, cache: "no-store" });
  if (answer.status === 200) return answer;
  const text = await answer.text();
  let code = "not_modepulse";
  let message = text.slice(0, 200);
  try {
    const problem = JSON.parse(text);
    code = String(problem.code ?? code);
    message = String(problem.title ?? message);
  } catch {
    // Not the service's own answer.
  }
  throw new Refused(answer.status, code, message, secondsOf(answer.headers.get("Retry-After")));
}

/**
 * What the frames hold, without end; connects again by itself. Ends when `signal` is aborted. Throws Refused where
 * connecting again cannot help.
 */
export async function* stream<Frame>(service: Service, path: string, signal?: AbortSignal): AsyncGenerator<Frame> {
  let last = "";
  for (;;) {
    if (signal?.aborted) return;
    let pause = PAUSE_SECONDS;
    try {
      for await (const frame of framesOf(service, path, last, signal)) {
        last = frame.id;
        yield JSON.parse(frame.data) as Frame;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (error instanceof Refused) {
        if (!error.mayPass) throw error;
        pause = Math.max(pause, error.retryAfter);
      } else if (!(error instanceof TypeError || error instanceof DOMException)) {
        throw error;
      }
    }
    await sleep(pause, signal);
  }
}

/** Of one connection. */
async function* framesOf(
  service: Service,
  path: string,
  last: string,
  signal?: AbortSignal,
): AsyncGenerator<{ id: string; data: string }> {
  // Ends the request when the caller stops, and when nothing comes any more.
  const ending = new AbortController();
  const end = (): void => ending.abort();
  signal?.addEventListener("abort", end);
  let silence = setTimeout(end, SILENCE_SECONDS * 1000);
  try {
    const headers: Record<string, string> = last ? { "Last-Event-ID": last } : {};
    const answer = await ask(service, path, { headers, signal: ending.signal });
    const reader = answer.body!.getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(end, SILENCE_SECONDS * 1000);
      text += decoder.decode(value, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop()!;
      for (const block of blocks) {
        const fields = new Map(block.split("\n").map((line) => line.split(/: ?(.*)/s, 2) as [string, string]));
        const data = fields.get("data");
        if (data !== undefined && (fields.get("event") ?? "message") === "message") {
          yield { id: fields.get("id") ?? last, data };
        }
      }
    }
  } finally {
    clearTimeout(silence);
    signal?.removeEventListener("abort", end);
    end();
  }
}

/** Ends early when the signal is aborted. `idle`: Node may end meanwhile. */
export function sleep(seconds: number, signal?: AbortSignal, idle = false): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, seconds * 1000);
    if (idle) (timer as { unref?(): void }).unref?.();
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}
