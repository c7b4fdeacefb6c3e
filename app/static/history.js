// An area's history: one line per mode over the last hour, day or week, and the peak of each.

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
// Whole players only.
const INCREMENTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 5e4, 1e5, 1e6];
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
      box.replaceChildren(notice("Nobody played here in this period."));
      return;
    }
    const drawn = modes.slice(0, LINES).map((mode) => ({ ...mode, colour: colours.of(mode.mode) }));
    const best = modes[0];
    box.replaceChildren(chart.element, chart.readout,
      el("p", { className: "peak" },
        "Peak: ", el("strong", {}, `${number(best.count)} in ${best.mode}`), ", ", time(best.at)),
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
    section: el("section", { className: "card" },
      el("div", { className: "section-head" }, el("h2", {}, "History"), choice), box),
    stop() {
      clearInterval(timer);
      scheme.removeEventListener("change", redraw);
      abort.abort();
      chart.remove();
    },
  };
}

const highest = (points) =>
  points.reduce((best, [at, count]) => (count > best.count ? { at, count } : best), { at: 0, count: 0 });

const peakTable = (modes) =>
  table("Peaks", ["Mode", ["Last", "count"], ["Peak", "count"], "When"],
    el("tbody", {}, ...modes.map(({ mode, colour, points, count, at }) => {
      const swatch = el("span", { className: "swatch" });
      swatch.style.background = `var(${colour})`;
      return row(
        [el("span", {}, swatch, mode), "word"], [number(points.at(-1)[1]), "count"], [number(count), "count"], time(at));
    })), true);

/** A line chart. The table of peaks below it holds the same figures for screen readers. */
class Chart {
  element = el("div", { className: "chart", role: "img" });
  /** The values at the pointer. */
  readout = el("p", { className: "readout", "aria-hidden": "true" });
  #plot;
  #modes;
  #seconds;
  #resize;

  /** Draws `modes`, highest peak first, over the last `seconds`. */
  draw(modes, seconds) {
    this.#modes = modes;
    this.#seconds = seconds;
    const peaks = modes.map(({ mode, count }) => `${mode}, peak ${count}`);
    this.element.setAttribute("aria-label", `Players over time: ${peaks.join("; ")}`);
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const data = [modes[0].points.map(([at]) => at), ...modes.map(({ points }) => points.map(([, count]) => count))];
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
    const [{ at, count }] = modes;
    this.#plot?.destroy();
    this.#plot = new uPlot({
      width: this.element.clientWidth,
      height: this.element.clientHeight,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: { y: { range: (_, low, high) => [0, Math.max(4, count, high) * 1.1] } },
      axes: [
        { ...axis, size: 34, values: (_, times) => times.map((tick) => axisLabel(tick, seconds)) },
        { ...axis, size: 44, incrs: INCREMENTS },
      ],
      series: [{}, ...modes.map(({ mode, colour: name }) =>
        ({ label: mode, stroke: colour(name), width: 2, points: { show: false } }))],
      hooks: {
        draw: [(plot) => markPeak(plot, at, count, colour("--text"))],
        setCursor: [({ cursor: { idx } }) => this.#read(idx)],
      },
    }, data, this.element);
    this.#resize ??= new ResizeObserver(() =>
      this.#plot?.setSize({ width: this.element.clientWidth, height: this.element.clientHeight }));
    this.#resize.observe(this.element);
  }

  #read(index) {
    this.readout.replaceChildren(...(index === null || index === undefined ? [] : [
      time(this.#modes[0].points[index][0]),
      ...this.#modes.map(({ mode, points }) => el("span", {}, `${mode} `, el("strong", {}, number(points[index][1])))),
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
