// A client of Modepulse: reports who plays which mode where, and asks what is played now.
export { Modepulse } from "./client.js";
export type { AreaCode, Event, EventsName, ModeCount, Overview, OverviewArea, Stats } from "./event.js";
export type { Loss } from "./loss.js";
export type { Options } from "./options.js";
export { QueueFull, type Totals } from "./outbox.js";
export { Refused } from "./reading.js";
