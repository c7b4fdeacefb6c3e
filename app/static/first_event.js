// How to send the first event, as commands to copy.

import { ROOT } from "./address.js";
import { el, notice } from "./dom.js";

const KEY = "YOUR_KEY";

/** The commands that send an event to this service, and that let simulated players play; with `required` by a key. */
export function firstEvent(required) {
  const url = location.origin + ROOT;
  const header = required ? `-H 'X-API-Key: ${KEY}' ` : "";
  const variable = required ? `MODEPULSE_API_KEY=${KEY} ` : "";
  return [
    command("Send the first event:", `curl ${header}${url}events -d '{"area_code": 111, "multiplayer_mode": "duel",
  "user_id": "ann", "events_name": "LOGIN"}'`),
    command("Or let simulated players play:", `${variable}modepulse simulate --url ${url.replace(/\/$/, "")}`),
    ...(required ? [keyHint()] : []),
  ];
}

const keyHint = () =>
  notice(`Keys are on: put one with the scope ingest in place of ${KEY}. To make one: `
    + "modepulse keys create NAME --scope ingest");

/** A command below its title, with a button that copies it. */
function command(title, text) {
  const code = el("pre", { tabIndex: 0 }, text);
  const button = el("button", {
    type: "button", "aria-live": "polite",
    async onclick() {
      try {
        await navigator.clipboard.writeText(text); // not there on a page that came without TLS from another machine
        button.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
        button.textContent = "Selected: copy it with your keyboard";
      }
    },
  }, "Copy");
  return el("div", { className: "notice command" }, el("p", {}, title), code, button);
}
