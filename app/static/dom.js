// Creates elements, keeps lists of them in order, formats numbers and times.

/** Creates an element. Names with a dash are attributes, others properties; children are nodes or text, not markup. */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Puts the children in order and animates those that move. The focus is kept. */
function arrange(parent, children) {
  if (children.length === parent.children.length && children.every((child, n) => parent.children[n] === child)) return;
  const before = new Map([...parent.children].map((child) => [child, child.offsetTop]));
  const focused = document.activeElement;
  parent.replaceChildren(...children);
  if (focused !== document.activeElement && parent.contains(focused)) focused.focus({ preventScroll: true });
  for (const child of children) {
    const moved = before.has(child) ? before.get(child) - child.offsetTop : 0;
    if (!moved) continue;
    child.classList.remove("moving");
    child.style.transform = `translateY(${moved}px)`;
    requestAnimationFrame(() => {
      child.classList.add("moving");
      child.style.transform = "";
    });
  }
}

/**
 * Keeps one row per item in `parent`, identified by the item's property `key`. `make(key)` creates a row, whose `item`
 * is its element; `drop(row)` is called for each removed row. Returns a function that shows a newer list of items:
 * it calls `show(row, item)` for each and puts the rows in the order of the list.
 */
export function keyedRows(parent, key, make, drop = () => {}) {
  let rows = new Map();
  return function showRows(items, show) {
    const before = rows;
    rows = new Map(items.map(({ [key]: name }) => [name, before.get(name) ?? make(name)]));
    for (const [name, row] of before) if (!rows.has(name)) drop(row);
    for (const item of items) show(rows.get(item[key]), item);
    arrange(parent, [...rows.values()].map((row) => row.item));
  };
}

const whole = new Intl.NumberFormat("en");
export const number = (value) => whole.format(value);

const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minute = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en", {
  month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const date = new Intl.DateTimeFormat("en", { month: "short", day: "numeric" });
/** Label of a chart's time axis: the time of day, or the date if the chart spans two days (`seconds`) or more. */
export const axisLabel = (at, seconds) => (seconds < 2 * 86_400 ? minute : date).format(at * 1000);
export const timeOfDay = (seconds) => clock.format(seconds * 1000);

/** A `<time>` element: the time of day, with the date unless it is today; with seconds if `precise` and today. */
export function time(seconds, precise = false) {
  const at = new Date(seconds * 1000);
  const today = at.toDateString() === new Date().toDateString();
  const text = (today ? (precise ? clock : minute) : day).format(at);
  return el("time", { dateTime: at.toISOString(), title: at.toISOString() }, text);
}

export function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export const skeleton = (lines) =>
  el("div", { className: "loading", role: "status" }, el("span", { className: "hidden" }, "Loading"),
    ...Array.from({ length: lines }, () => el("div", { className: "skeleton" })));

/** A paragraph that says why there is nothing to show. */
export const notice = (text) => el("p", { className: "notice" }, text);

/** An error message with a button that calls `again`. */
export const failure = (error, again) =>
  el("p", { className: "failure", role: "alert" }, `${error.message}.`,
    el("button", { type: "button", onclick: again }, "Try again"));

/**
 * A table that scrolls on its own; columns are names, or [name, class]. On a narrow screen the cells of a row wrap,
 * unless the table is for comparing values (`compared`). The roles are explicit: with another `display`, a table loses
 * its own.
 */
export const table = (label, columns, body, compared = false) =>
  el("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": label },
    el("table", { role: "table", className: compared ? "" : "wraps" },
      el("thead", {}, el("tr", { role: "row" }, ...columns.map((column) => {
        const [name, className] = [column].flat();
        return el("th", { scope: "col", role: "columnheader", className }, name);
      }))), body));

/** A table row; cells are contents, or [content, class, label]. The label precedes the content where cells wrap. */
export const row = (...cells) =>
  el("tr", { role: "row" }, ...cells.map((cell) => {
    const [content, className, label] = [cell].flat();
    return el("td", { role: "cell", className, "data-label": label }, content);
  }));
