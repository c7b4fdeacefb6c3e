// How an area was: a line a mode over the last hour, day or week, and its peaks.

import { askPatiently } from "./api.js";
import { axisLabel, el, failure, notice, number, row, skeleton, table, time } from "./dom.js";
import uPlot from "./vendor/uplot/uPlot.esm.js";

const RANGES = {
  hour: { title: "Hour", seconds: 3600, step: 60 },
  day: { title: "Day", seconds: 86_400, step: 900 },
  week: { title: "Week", seconds: 7 * 86_400, step: 3600 },
};
const REFRESH_SECONDS = 15;
const LINES = 8;
const scheme = matchMedia("(prefers-color-scheme: dark)");

export function historySection(area, colours) {
  const box = el("div", {}, skeleton(5));
  const chart = new Chart();
  let abort = new AbortController();
  let range = "hour";

  async function read() {
    abort.abort();
    abort = new AbortController();
    const { signal } = abort;
    const { seconds, step } = RANGES[range];
    const from = Math.floor((Date.now() / 1000 - seconds) / step) * step;
    const asked = { area_code: area, step, from };
    box.classList.add("chart-busy");
    try {
      const [last, peak] = await Promise.all(
        [asked, { ...asked, peak: true }].map((each) => askPatiently("/history", each, signal)));
      show(last.series, peak.series);
    } catch (error) {
      if (signal.aborted) return;
      chart.remove();
      box.replaceChildren(failure(error, read));
    }
    box.classList.remove("chart-busy");
  }

  function show(last, peak) {
    const modes = Object.keys(peak)
      .map((mode) => ({ mode, ...highest(peak[mode]), points: last[mode] ?? peak[mode].map(([at]) => [at, 0]) }))
      .sort((one, other) => other.count - one.count);
    if (!modes.length) {
      chart.remove();
      box.replaceChildren(notice("Nobody played here in this time."));
      return;
    }
    const drawn = modes.slice(0, LINES).map((mode) => ({ ...mode, colour: colours.of(mode.mode) }));
    const best = modes[0];
    box.replaceChildren(chart.place, chart.readout,
      el("p", { className: "peak" }, "Peak: ", el("strong", {}, `${number(best.count)} in ${best.mode}`), ", ", time(best.at)),
      peakTable(drawn));
    chart.draw(drawn, RANGES[range].seconds);
  }

  const choice = el("fieldset", { className: "ranges" }, el("legend", { className: "hidden" }, "Time shown"),
    ...Object.entries(RANGES).map(([name, { title }]) =>
      el("label", {}, el("input", {
        type: "radio", name: "range", value: name, checked: name === range,
        onchange() {
          range = name;
          read();
        },
      }), title)));
  const timer = setInterval(read, REFRESH_SECONDS * 1000);
  const redraw = () => chart.redraw();
  scheme.addEventListener("change", redraw);
  read();
  return {
    section: el("section", { className: "card" }, el("div", { className: "section-head" }, el("h2", {}, "History"), choice), box),
    stop() {
      clearInterval(timer);
      scheme.removeEventListener("change", redraw);
      abort.abort();
      chart.remove();
    },
  };
}

const highest = (points) => points.reduce((best, [at, count]) => (count > best.count ? { at, count } : best), { at: 0, count: 0 });

const peakTable = (modes) =>
  table("Peaks", ["Mode", ["Last", "count"], ["Peak", "count"], "When"],
    el("tbody", {}, ...modes.map(({ mode, colour, points, count, at }) => {
      const swatch = el("span", { className: "swatch" });
      swatch.style.background = `var(${colour})`;
      return row([el("span", {}, swatch, mode), "word"], [number(points.at(-1)[1]), "count"], [number(count), "count"], time(at));
    })), true);

/** The table below says the same to who cannot see it. */
class Chart {
  place = el("div", { className: "chart", role: "img" });
  /** What the lines are where the pointer is. */
  readout = el("p", { className: "readout", "aria-hidden": "true" });
  #plot;
  #modes;
  #seconds;
  #resize;

  /** `modes`, that with the highest peak first, over so many seconds. */
  draw(modes, seconds) {
    this.#modes = modes;
    this.#seconds = seconds;
    this.place.setAttribute("aria-label", `Players over time: ${modes.map(({ mode, count }) => `${mode}, peak ${count}`).join("; ")}`);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const data = [modes[0].points.map(([at]) => at), ...modes.map(({ points }) => points.map(([, count]) => count))];
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const [{ at, count }] = modes;
    this.#plot?.destroy();
    this.#plot = new uPlot({
      width: this.place.clientWidth,
      height: this.place.clientHeight,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { y: { range: (_, low, high) => [0, Math.max(4, count, high) * 1.1] } },
      axes: [{ ...axis, size: 34, values: (_, times) => times.map((at) => axisLabel(at, seconds)) }, { ...axis, size: 44, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 5e4, 1e5, 1e6] }],
      series: [{}, ...modes.map(({ mode, colour: name }) => ({ label: mode, stroke: colour(name), width: 2, points: { show: false } }))],
      hooks: {
        draw: [(plot) => markPeak(plot, at, count, colour("--text"))],
        setCursor: [({ cursor: { idx } }) => this.#read(idx)],
      },
    }, data, this.place);
    this.#resize ??= new ResizeObserver(() =>
      this.#plot?.setSize({ width: this.place.clientWidth, height: this.place.clientHeight }));
    this.#resize.observe(this.place);
  }

  #read(place) {
    this.readout.replaceChildren(...(place === null || place === undefined ? [] : [
      time(this.#modes[0].points[place][0]),
      ...this.#modes.map(({ mode, points }) => el("span", {}, `${mode} `, el("strong", {}, number(points[place][1])))),
    ]));
  }

  redraw() {
    if (this.#modes) this.draw(this.#modes, this.#seconds);
  }

  remove() {
    this.#resize?.disconnect();
    this.#plot?.destroy();
    this.#plot = this.#modes = undefined;
  }
}

function markPeak(plot, at, count, colour) {
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = 2 * devicePixelRatio;
  ctx.beginPath();
  ctx.arc(plot.valToPos(at, "x", true), plot.valToPos(count, "y", true), 4 * devicePixelRatio, 0, 2 * Math.PI);
  ctx.stroke();
  ctx.restore();
}
