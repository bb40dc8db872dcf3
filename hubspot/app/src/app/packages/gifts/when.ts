/** A day as HubSpot's inputs give it. */
export interface BaseDate {
  year: number;
  /** 0 to 11. */
  month: number;
  date: number;
}

/** A time of day as HubSpot's inputs give it. */
export interface BaseTime {
  hours: number;
  minutes: number;
}

const two = (n: number): string => String(n).padStart(2, '0');

/** 2026-12-24 09:00, as the program reads it. */
export const at = (d: BaseDate, t: BaseTime): string =>
  `${d.year}-${two(d.month + 1)}-${two(d.date)} ${two(t.hours)}:${two(t.minutes)}`;
