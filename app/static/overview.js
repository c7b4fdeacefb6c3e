// All areas: how many play where, and the most played mode of each.

import { link } from "./address.js";
import { ask } from "./api.js";
import { duration, el, keyedRows, notice, number, skeleton } from "./dom.js";
import { firstEvent } from "./first_event.js";
import { listen } from "./live.js";

const SHOWN_AREAS = 200;
const TREND_SECONDS = 60;
const TRENDS_AT_A_TIME = 3;

/** `dev`: show how to send events while there is nothing else; `required`: that takes a key. */
export function overview(main, showState, { dev, required }) {
  const tiles = { players: "Players now", areas: "Areas", events: "Events per second", lag: "Archive lag" };
  const values = Object.fromEntries(Object.keys(tiles).map((name) => [name, el("dd", { className: "live" }, "–")]));
  const list = el("ol", { className: "areas live" });
  const head = el("div", { className: "areas-head", "aria-hidden": "true", hidden: true },
    ...["Area", "Most played", "Last hour", "Players"].map((name) => el("span", {}, name)));
  const note = el("div", {}, skeleton(4));
  let noted = "";
  const trends = new Trends();
  const showRows = keyedRows(list, "area_code", (code) => new Row(code, trends), (row) => trends.forget(row));

  main.replaceChildren(
    el("h1", {}, "All areas"),
    el("dl", { className: "tiles" },
      ...Object.entries(tiles).map(([name, title]) =>
        el("div", { className: "tile" }, el("dt", {}, title), values[name]))),
    el("section", { className: "card", "aria-label": "Areas, most players first" }, head, list, note),
  );

  function onData({ areas, players, total, events_per_second: rate, archive_lag_seconds: lag }) {
    values.players.textContent = number(players);
    values.areas.textContent = number(total);
    values.events.textContent = number(rate < 10 ? rate : Math.round(rate));
    values.lag.textContent = lag < 60 ? `${lag.toFixed(1)} s` : duration(lag);
    const most = areas[0]?.players ?? 0;
    showRows(areas, (row, area) => row.show(area, most));
    head.hidden = !areas.length;
    showNote(areas.length && areas.length < SHOWN_AREAS ? "nothing" : areas.length ? "more" : "nobody");
    const known = areas.map((area) => el("option", { value: area.area_code }));
    document.querySelector("#known-areas").replaceChildren(...known);
  }

  /** Replaced only by another one: somebody may be using it. */
  function showNote(name) {
    if (name === noted) return;
    noted = name;
    note.replaceChildren(...NOTES[name](dev, required));
  }

  const stop = listen({ area_code: "*", limit: SHOWN_AREAS }, onData, showState);
  return () => {
    stop();
    trends.stop();
  };
}

const NOTES = {
  nothing: () => [],
  more: () => [notice(`The ${SHOWN_AREAS} areas with the most players; search for others.`)],
  nobody: (dev, required) => [
    el("h2", {}, "Nobody is playing right now"),
    notice("This page updates by itself as soon as somebody logs in."),
    ...(dev ? firstEvent(required) : []),
  ],
};

/** One area of the list. */
class Row {
  constructor(code, trends) {
    this.code = code;
    this.players = 0;
    this.mode = el("span", { className: "mode" });
    this.spark = spark();
    this.fill = el("div", { className: "fill" });
    this.count = el("span", { className: "count number" });
    this.item = el("li", {},
      el("a", { href: link("area_code", code) },
        el("span", { className: "name", title: code }, el("span", { className: "hidden" }, "Area "), code),
        this.mode, this.spark,
        el("span", { className: "bar" }, el("span", { className: "track" }, this.fill), this.count)));
    this.item.dataset.area = code;
    trends.watch(this);
  }

  show(area, most) {
    this.players = area.players;
    this.mode.textContent = area.top_mode;
    this.mode.title = `${area.top_mode}: ${number(area.top_mode_count)}`;
    this.fill.style.width = `${(100 * area.players) / most}%`;
    this.count.replaceChildren(number(area.players), el("span", { className: "hidden" }, " players"));
    if (this.trend) drawSpark(this.spark, [...this.trend, area.players]);
  }
}

/** Loads the last hour of the areas that are in sight, a few at a time. */
class Trends {
  constructor() {
    this.rows = new Map();
    this.waiting = new Set();
    this.running = 0;
    this.abort = new AbortController();
    this.sight = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const row = this.rows.get(entry.target);
        if (!row) continue;
        row.inSight = entry.isIntersecting;
        if (row.inSight && !row.trend) this.want(row);
      }
    });
    this.timer = setInterval(() => {
      for (const row of this.rows.values()) if (row.inSight) this.want(row);
    }, TREND_SECONDS * 1000);
  }

  watch(row) {
    this.rows.set(row.item, row);
    this.sight.observe(row.item);
  }

  forget(row) {
    this.sight.unobserve(row.item);
    this.rows.delete(row.item);
    this.waiting.delete(row);
  }

  stop() {
    clearInterval(this.timer);
    this.sight.disconnect();
    this.abort.abort();
    this.waiting.clear();
  }

  want(row) {
    this.waiting.add(row);
    while (this.running < TRENDS_AT_A_TIME && this.waiting.size) this.read();
  }

  async read() {
    const [row] = this.waiting;
    this.waiting.delete(row);
    this.running++;
    try {
      const { series } = await ask("/history", { area_code: row.code }, this.abort.signal);
      row.trend = total(Object.values(series));
      drawSpark(row.spark, [...row.trend, row.players]);
    } catch {
      // Without an archive there are no trends; the next round retries.
    }
    this.running--;
    if (this.waiting.size && !this.abort.signal.aborted) this.read();
  }
}

/** The sum of the series at each step, without the last, which is not over yet. */
const total = (series) =>
  (series[0] ?? []).slice(0, -1).map((_, step) => series.reduce((sum, points) => sum + points[step][1], 0));

const SVG = "http://www.w3.org/2000/svg";

function spark() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 30");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "path"));
  return svg;
}

function drawSpark(svg, values) {
  const most = Math.max(1, ...values);
  const step = 100 / Math.max(1, values.length - 1);
  const points = values.map((value, n) => `${(n * step).toFixed(1)} ${(28 - (26 * value) / most).toFixed(1)}`);
  svg.firstChild.setAttribute("d", `M${points.join("L")}`);
}
