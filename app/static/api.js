// Questions to the API.

const AGAIN_AFTER = 2000;

/** The JSON answer. Throws an Error that says what is wrong, with `status` (0: no answer). */
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
 * As `ask`, but asks again until somebody answers. That the service is away is told once, by the banner; who has
 * something to show goes on showing it.
 */
export async function askPatiently(path, parameters, signal) {
  for (;;) {
    try {
      return await ask(path, parameters, signal);
    } catch (error) {
      if (error.status !== 0) throw error;
    }
    await pause(AGAIN_AFTER);
  }
}

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Whether the question itself was wrong: then it is no use to ask it again. Others may refuse for a while. */
export const isRefusal = (status) => status === 422;

export function reason(problem, response) {
  return problem.errors?.[0]?.message ?? problem.title ?? `HTTP ${response.status}`;
}
