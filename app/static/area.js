// One area: its live ranking, its history and its latest events.

import { link, ROOT } from "./address.js";
import { askPatiently, pause } from "./api.js";
import { el, failure, keyedRows, notice, number, row, skeleton, table, time } from "./dom.js";
import { historySection } from "./history.js";
import { listen } from "./live.js";

const EVENTS = 15;
const EVENTS_PAUSE = 1500; // milliseconds
const COLOURS = 8;
const BARS = 20; // more modes only after a click

export function areaView(main, area, showState) {
  const players = el("dd", {}, "–");
  const top = el("dd", { className: "word" }, "–");
  const list = el("ul", { className: "modes", "aria-label": "Modes, most played first" });
  const note = el("div", {}, skeleton(3));
  const more = el("button", {
    type: "button", hidden: true,
    onclick() {
      allShown = true;
      showRanking();
    },
  });
  const colours = new Colours();
  const showBars = keyedRows(list, "multiplayer_mode", (mode) => new Bar(mode, colours.of(mode)));
  const past = historySection(area, colours);
  const latest = latestEvents(area);
  let allShown = false;
  let ranking = [];

  main.replaceChildren(
    el("p", {}, el("a", { href: ROOT }, "All areas")),
    el("h1", {}, `Area ${area}`),
    el("dl", { className: "tiles live" },
      el("div", { className: "tile" }, el("dt", {}, "Players now"), players),
      el("div", { className: "tile" }, el("dt", {}, "Most played"), top)),
    el("section", { className: "card live" }, el("h2", {}, "Modes now"), list, more, note),
    past.section,
    latest.section,
  );

  function onData(data) {
    ranking = data[area];
    showRanking();
    latest.refresh();
  }

  function showRanking() {
    const sum = ranking.reduce((all, { count }) => all + count, 0);
    players.textContent = number(sum);
    top.textContent = ranking[0]?.multiplayer_mode ?? "–";
    const shown = allShown ? ranking : ranking.slice(0, BARS);
    showBars(shown, (bar, { count }) => bar.show(count, ranking[0].count, sum));
    list.hidden = !ranking.length;
    note.replaceChildren(...(ranking.length ? [] : [notice(`Nobody is playing in area ${area} right now.`)]));
    more.hidden = shown.length === ranking.length;
    more.textContent = `Show all ${number(ranking.length)} modes`;
  }

  const stop = listen({ area_code: area }, onData, showState);
  return () => {
    stop();
    past.stop();
    latest.stop();
  };
}

/** Colours by mode. A mode keeps its colour while the page shows the area. */
class Colours {
  #of = new Map();

  of(mode) {
    if (!this.#of.has(mode)) {
      const next = this.#of.size + 1;
      this.#of.set(mode, next <= COLOURS ? `--mode-${next}` : "--mode-rest");
    }
    return this.#of.get(mode);
  }
}

/** One mode of the ranking. */
class Bar {
  constructor(mode, colour) {
    this.fill = el("div", { className: "fill" });
    this.fill.style.background = `var(${colour})`;
    this.count = el("span", { className: "count number" });
    this.share = el("span", { className: "share" });
    this.item = el("li", {}, el("span", { className: "name", title: mode }, mode),
      el("span", { className: "track", "aria-hidden": "true" }, this.fill), this.count, this.share);
    this.item.dataset.mode = mode;
  }

  show(count, most, sum) {
    this.fill.style.width = `${(100 * count) / most}%`;
    this.count.textContent = number(count);
    this.share.textContent = `${Math.round((100 * count) / sum)}%`;
  }
}

/** The newest events in the archive, read again shortly after each change. */
function latestEvents(area) {
  const body = el("div", {}, skeleton(3));
  const abort = new AbortController();
  let changed = false;
  let following = false;

  async function read() {
    try {
      const { items } = await askPatiently("/events", { area_code: area, limit: EVENTS }, abort.signal);
      body.replaceChildren(items.length ? eventTable(items) : notice("No events in the archive yet."));
    } catch (error) {
      if (!abort.signal.aborted) body.replaceChildren(failure(error, read));
    }
  }

  /** Waits before each read, since the archive lags a little, and reads once more after the last change. */
  async function follow() {
    following = true;
    while (changed) {
      await pause(EVENTS_PAUSE);
      changed = false;
      await read();
    }
    following = false;
  }

  return {
    section: el("section", { className: "card" }, el("h2", {}, "Latest events"), body),
    refresh() {
      changed = true;
      if (!following) follow();
    },
    stop() {
      abort.abort();
    },
  };
}

const eventTable = (items) =>
  table("Latest events", ["Time", "Event", "Mode", "User", "Outcome"], el("tbody", {}, ...items.map((item) =>
    row(time(item.epoch_timestamp, true), item.events_name, [item.multiplayer_mode, "word"],
      [item.user_id ? el("a", { href: link("user_id", item.user_id) }, item.user_id) : "–", "word"], item.outcome))));
