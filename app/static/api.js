// Requests to the API.

import { address } from "./address.js";

/** The event that the document gets when a key is needed: there was none, or it is no longer valid. */
export const KEY_NEEDED = "keyneeded";
const RETRY_AFTER = 2000; // milliseconds

/** The parsed JSON response. Throws an Error with the reason as its message and the HTTP `status` (0: no response). */
export async function ask(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(parameters).toString();
  let response;
  try {
    response = await fetch(address(query ? `${path}?${query}` : path), { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw Object.assign(new Error("The service does not answer"), { status: 0 });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  lacksKey(response);
  throw Object.assign(new Error(reason(answer, response)), { status: response.status });
}

/**
 * Like `ask`, but retries until the service responds. The banner alone reports that the service is unreachable;
 * meanwhile a section keeps what it shows.
 */
export async function askPatiently(path, parameters, signal) {
  for (;;) {
    try {
      return await ask(path, parameters, signal);
    } catch (error) {
      if (error.status !== 0) throw error;
    }
    await pause(RETRY_AFTER);
  }
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Whether the request was refused for a lack of a valid key. If so, the document gets KEY_NEEDED. */
export function lacksKey(response) {
  if (response.status !== 401) return false;
  document.dispatchEvent(new Event(KEY_NEEDED));
  return true;
}

/** Whether the request is invalid or not for this key, so that a retry is pointless. Every other error may pass. */
export const isRefusal = (status) => status === 422 || status === 403;

/** What a problem document, or else the status, says went wrong. */
export function reason(problem, response) {
  return problem.errors?.[0]?.message ?? problem.title ?? `HTTP ${response.status}`;
}
