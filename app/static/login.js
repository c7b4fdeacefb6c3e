// Logging in with an API key, and out again. The key is sent once; the cookie for it is out of reach of any script.

import { address } from "./address.js";
import { ask, reason } from "./api.js";
import { el } from "./dom.js";

/** `{required, name, dev}`: whether a key is needed, the name of the one logged in or null, whether this is for trying. */
export const whoIsLoggedIn = () => ask("/login");

/** Throws an Error with the reason. */
export async function logOut() {
  await post("/logout", {});
}

/** Shows a form that asks for a key; `onLogin` gets what `whoIsLoggedIn` returns. */
export function loginView(main, onLogin) {
  const key = el("input", {
    id: "key", type: "password", name: "key", required: true, autocomplete: "current-password", spellcheck: false,
    "aria-describedby": "key-hint key-fault",
  });
  const fault = el("p", { id: "key-fault", className: "failure", role: "alert", hidden: true });
  const button = el("button", {}, "Log in");

  async function logIn(event) {
    event.preventDefault();
    button.disabled = true;
    try {
      onLogin(await post("/login", { key: key.value.trim() }));
    } catch (error) {
      fault.textContent = `${error.message}.`;
      fault.hidden = false;
      key.setAttribute("aria-invalid", "true");
      button.disabled = false;
      key.select();
    }
  }

  main.replaceChildren(
    el("h1", {}, "Log in"),
    el("section", { className: "card" },
      el("form", { className: "login", onsubmit: logIn },
        el("label", { for: "key" }, "API key"),
        key,
        button,
        el("p", { id: "key-hint", className: "notice" },
          "A key with the scope read, or more. It is asked for once: this browser stays logged in."),
        fault)));
  key.focus();
}

async function post(path, body) {
  let response;
  try {
    response = await fetch(address(path), {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
  } catch {
    throw new Error("The service does not answer");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(reason(answer, response));
  return answer;
}
