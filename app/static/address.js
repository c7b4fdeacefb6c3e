// Where the service is: at the root of its host, or below a path that a proxy serves it under.

/** The path of the page, with a slash at its end. */
export const ROOT = new URL("../", import.meta.url).pathname;

/** The address of an API path. */
export const address = (path) => ROOT + path.slice(1);

/** The address of a view of this page. */
export const link = (name, value) => `${ROOT}?${new URLSearchParams({ [name]: value })}`;
