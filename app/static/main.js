// Routes the address to a view; shows the connection's state; asks for a key where one is needed; handles the search.

import { link, ROOT } from "./address.js";
import { KEY_NEEDED } from "./api.js";
import { areaView } from "./area.js";
import { notice, timeOfDay } from "./dom.js";
import { logOut, loginView, whoIsLoggedIn } from "./login.js";
import { overview } from "./overview.js";
import { userView } from "./user.js";

const main = document.querySelector("main");
const banner = document.querySelector("#banner");
const search = document.querySelector(".search");
const WORDS = { connecting: "Connecting", live: "Live", disconnected: "Disconnected", error: "Error", locked: "Key needed" };
const session = document.querySelector(".session");

let leave = () => {};
let lostAt = 0;
let locked = false;
/** What GET /login says: whether a key is needed, and whether this is a developer's service. */
let service = { required: false, dev: false };

/** Shows the state of the connection, on behalf of every view, and the reason where it is known. */
function showState(state, why = "") {
  if (document.body.dataset.state === "live") lostAt = Date.now() / 1000;
  document.body.dataset.state = state;
  document.querySelector("#status").textContent = WORDS[state];
  if (state === "disconnected") {
    const since = lostAt ? ` What you see is from ${timeOfDay(lostAt)}.` : "";
    banner.textContent = `${why || "The connection to the service is lost"}.${since} Trying again.`;
  } else if (state === "error") {
    banner.textContent = why;
    leave(); // the view's other requests would be refused too
    leave = () => {};
    for (const part of main.querySelectorAll("dl, section")) part.remove();
    main.append(notice("There is nothing to show. Search for another area or user above."));
  }
  banner.hidden = state !== "disconnected" && state !== "error";
}

function show() {
  if (locked) return;
  leave();
  const asked = new URLSearchParams(location.search);
  const area = asked.get("area_code");
  const user = asked.get("user_id");
  showState("connecting");
  lostAt = 0;
  if (user) leave = userView(main, user, showState);
  else if (area) leave = areaView(main, area, showState);
  else leave = overview(main, showState, service);
  const kind = user ? "user_id" : "area_code";
  search.kind.value = kind;
  search.text.value = user ?? area ?? "";
  hint();
  const title = user ? `User ${user}` : area ? `Area ${area}` : "All areas";
  document.title = `${title} · Modepulse`;
}

/** Asks for a key in place of the view; the address stays, for the view to be shown then. */
function askForKey() {
  if (locked) return;
  leave();
  locked = true;
  showState("locked");
  showKeyName(null);
  document.title = "Log in · Modepulse";
  leave = () => {};
  loginView(main, (answer) => {
    service = answer;
    locked = false;
    showKeyName(answer.name);
    show();
    main.focus({ preventScroll: true });
  });
}

/** Shows which key is logged in; null where none is, or none is needed. */
function showKeyName(name) {
  session.hidden = name === null;
  document.querySelector("#key-name").textContent = name ?? "";
}

async function start() {
  // Where nobody answers, the view says so, and tries again.
  service = await whoIsLoggedIn().catch(() => ({ required: false, name: null, dev: false }));
  showKeyName(service.name);
  if (service.required && service.name === null) askForKey();
  else show();
}

function go(address) {
  history.pushState(null, "", address);
  show();
  window.scrollTo(0, 0);
  main.focus({ preventScroll: true });
}

function hint() {
  const user = search.kind.value === "user_id";
  search.text.placeholder = user ? "ann" : "111";
  if (user) search.text.removeAttribute("list");
  else search.text.setAttribute("list", "known-areas");
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest("a");
  if (!anchor || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const target = new URL(anchor.href);
  if (target.origin !== location.origin || target.pathname !== ROOT || target.hash) return;
  event.preventDefault();
  go(target.pathname + target.search);
});
search.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = search.text.value.trim();
  if (text) go(link(search.kind.value, text));
});
document.addEventListener(KEY_NEEDED, askForKey);
document.querySelector("#log-out").addEventListener("click", () =>
  logOut().then(askForKey, (error) => showState("disconnected", `${error.message}; you are still logged in`)));
search.kind.addEventListener("change", hint);
window.addEventListener("popstate", show);
// A page in the back/forward cache must not hold its connection.
window.addEventListener("pagehide", () => leave());
window.addEventListener("pageshow", (event) => event.persisted && show());
start();
