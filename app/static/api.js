// Requests to the API.

const RETRY_AFTER = 2000; // milliseconds

/** The parsed JSON response. Throws an Error with the reason as its message and the HTTP `status` (0: no response). */
export async function ask(path, parameters = {}, signal = undefined) {
  const query = new URLSearchParams(parameters).toString();
  let response;
  try {
    response = await fetch(query ? `${path}?${query}` : path, { signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw Object.assign(new Error("The service does not answer"), { status: 0 });
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
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

/** Whether the request itself is invalid, so that a retry is pointless. Every other error may pass. */
export const isRefusal = (status) => status === 422;

/** What a problem document, or else the status, says went wrong. */
export function reason(problem, response) {
  return problem.errors?.[0]?.message ?? problem.title ?? `HTTP ${response.status}`;
}
