// What is posted and what is read, as the API's JSON has it.

export type AreaCode = number | string;
export type EventsName = "LOGIN" | "LOGOUT" | "HEARTBEAT";

/** `epoch_timestamp`: seconds since 1970; without it the order of arrival counts. */
export interface Event {
  area_code: AreaCode;
  multiplayer_mode: string;
  user_id: string;
  events_name: EventsName;
  epoch_timestamp?: number;
}

export interface ModeCount {
  multiplayer_mode: string;
  count: number;
}

/** area -> its modes, most played first. */
export type Stats = Record<string, ModeCount[]>;

export interface OverviewArea {
  area_code: string;
  players: number;
  top_mode: string;
  top_mode_count: number;
}

/** All areas with players, most players first. */
export interface Overview {
  areas: OverviewArea[];
  players: number;
  events_per_second: number;
  archive_lag_seconds: number;
}

// The service's rule for names, in characters. A lone surrogate is no character.
// oxlint-disable-next-line no-control-regex
const NAME = /^[^\u0000-\u001f\u007f-\u009f|\ud800-\udfff]{1,255}$/u;

/** Why the service would not take the event; empty if it would. */
export function faultOf(event: Event): string {
  for (const field of ["area_code", "multiplayer_mode", "user_id"] as const) {
    const value: unknown = event[field];
    const whole = field === "area_code" && Number.isSafeInteger(value);
    if (!whole && !(typeof value === "string" && NAME.test(value))) {
      return `${field} is 1 to 255 characters without control characters and without |`;
    }
  }
  const stamp: unknown = event.epoch_timestamp ?? 0;
  return typeof stamp === "number" && Number.isFinite(stamp) && stamp >= 0 ? "" : "epoch_timestamp is seconds since 1970";
}
