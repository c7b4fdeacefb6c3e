// Questions to the API.

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

export function reason(problem, response) {
  return problem.errors?.[0]?.message ?? problem.title ?? `HTTP ${response.status}`;
}
