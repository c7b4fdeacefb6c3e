// One user: the sessions active now and all earlier ones.

import { link, ROOT } from "./address.js";
import { ask, askPatiently, isRefusal } from "./api.js";
import { duration, el, failure, notice, row, skeleton, table, time } from "./dom.js";

const PAGE = 50;
const REFRESH_SECONDS = 5;
const ENDINGS = { logout: "Logged out", expired: "Expired", corrected: "Corrected" };

export function userView(main, user, showState) {
  const path = `/users/${encodeURIComponent(user)}`;
  const now = el("div", {}, skeleton(1));
  const rows = el("tbody");
  const past = el("div", {}, skeleton(3));
  const abort = new AbortController();
  let timer;

  main.replaceChildren(
    el("p", {}, el("a", { href: ROOT }, "All areas")),
    el("h1", {}, `User ${user}`),
    el("section", { className: "card live" }, el("h2", {}, "Playing now"), now),
    el("section", { className: "card" }, el("h2", {}, "Sessions"), past),
  );

  async function readNow() {
    clearTimeout(timer);
    try {
      const { sessions } = await ask(`${path}/sessions`, {}, abort.signal);
      showState("live");
      now.replaceChildren(sessions.length ? playing(sessions) : notice(`${user} is not playing right now.`));
    } catch (error) {
      if (abort.signal.aborted) return;
      const wrong = isRefusal(error.status);
      showState(wrong ? "error" : "disconnected", error.message);
      if (wrong) return;
    }
    timer = setTimeout(readNow, REFRESH_SECONDS * 1000);
  }

  async function readPast(cursor) {
    const parameters = { limit: PAGE, ...(cursor && { cursor }) };
    try {
      const { sessions, next_cursor: next } = await askPatiently(`${path}/history`, parameters, abort.signal);
      rows.append(...sessions.map(sessionRow));
      const button = el("button", {
        type: "button",
        onclick() {
          button.disabled = true; // a second click would append the same page twice
          readPast(next);
        },
      }, "Show more");
      past.replaceChildren(
        rows.children.length ? sessionTable(rows) : notice("No sessions in the archive."),
        ...(next ? [button] : []));
    } catch (error) {
      if (!abort.signal.aborted) {
        const shown = rows.children.length ? [sessionTable(rows)] : [];
        past.replaceChildren(...shown, failure(error, () => readPast(cursor)));
      }
    }
  }

  readNow();
  readPast();
  return () => {
    abort.abort();
    clearTimeout(timer);
  };
}

const playing = (sessions) =>
  table("Playing now", ["Area", "Mode", "Last event"], el("tbody", {}, ...sessions.map((session) =>
    row([areaLink(session.area_code), "word"], [session.multiplayer_mode, "word"],
      [time(session.last_event, true), "", "Last event"]))));

const sessionTable = (rows) => table("Sessions", ["Started", "Area", "Mode", "Duration", "Ended"], rows);

const sessionRow = (session) =>
  row(time(session.from, true), [areaLink(session.area_code), "word"], [session.multiplayer_mode, "word"],
    [session.seconds === null ? "–" : duration(session.seconds), "", "Duration"],
    [session.to === null ? "Not yet" : (ENDINGS[session.ended_by] ?? "Unknown"), "", "Ended"]);

const areaLink = (code) => el("a", { href: link("area_code", code) }, code);
