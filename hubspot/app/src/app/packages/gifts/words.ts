import type { Budget, Left, Money, Send } from './wire.ts';

/** 7.50 USD. Amounts are exact text and are never computed with. XXX is no currency. */
export const money = ({ amount, currency }: Money): string => (currency === 'XXX' ? `${amount} without a currency` : `${amount} ${currency}`);

/** November 20, 2026 for 2026-11-20. */
export const day = (date: string): string =>
  new Intl.DateTimeFormat('en-US', { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(`${date}T00:00:00Z`));

/** November 2026 for 2026-11. */
export const month = (name: string): string =>
  new Intl.DateTimeFormat('en-US', { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(new Date(`${name}-01T00:00:00Z`));

/** A time in the zone of the HubSpot account. */
export const time = (at: string, timeZone: string): string =>
  new Intl.DateTimeFormat('en-US', { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(new Date(at));

/** 1 gift, 2 gifts. */
export const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** In days, how long a gift has left. */
export function daysLeft(days: number): string {
  if (days < 0) {
    return `${count(-days, 'day')} ago`;
  }
  return days === 0 ? 'today' : `${count(days, 'day')} left`;
}

const statuses: Record<string, { word: string; variant: 'danger' | 'warning' | 'info' | 'success' | 'default' }> = {
  scheduled: { word: 'Scheduled', variant: 'default' },
  sent: { word: 'Sent', variant: 'info' },
  delivered: { word: 'Delivered', variant: 'info' },
  opened: { word: 'Opened', variant: 'info' },
  redeemed: { word: 'Redeemed', variant: 'success' },
  donated: { word: 'Donated', variant: 'success' },
  refunded: { word: 'Refunded', variant: 'warning' },
  expired: { word: 'Expired', variant: 'warning' },
  undelivered: { word: 'Not delivered', variant: 'danger' },
};

/** A gift's status for people. */
export const status = (name: string) => statuses[name] ?? { word: 'Unknown', variant: 'default' as const };

const moments: Record<string, string> = {
  reminder: 'Reminded',
  expiration: 'Reminded that it expires',
  resend: 'Sent again',
};

/** What happened to a gift. */
export const moment = (kind: string): string => moments[kind] ?? status(kind).word;

/** How a send stands. */
export function sendState(send: Send, timeZone: string): string {
  const why = send.reason ? `: ${send.reason}` : '';
  switch (send.state) {
    case 'held':
      return `Waits for approval${why}`;
    case 'scheduled':
      return send.at ? `Scheduled for ${time(send.at, timeZone)}` : 'Being sent';
    case 'sending':
      return 'Being sent';
    case 'sent':
      return 'Sent';
    case 'unknown':
      return 'It is not known yet whether it was sent. The service finds out: do not send it again.';
    case 'cancelled':
      return `Cancelled${why}`;
    default: // not_sent, refused, no_address
      return `Not sent${why}`;
  }
}

const left = ({ left, limit }: Left, currency: string): string => `${left} of ${limit} ${currency}`;

/** What the budgets of a month have left. */
export const budget = (b: Budget): string =>
  `Left in ${month(b.month)}: ${left(b.sender, b.currency)} of your budget, ${left(b.portal, b.currency)} of the account's.`;
