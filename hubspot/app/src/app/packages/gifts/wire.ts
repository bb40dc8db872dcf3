// What the program's routes below /hubspot/card take and answer. They are written
// down in sync/card/wire.go of the program, with their limits; the compiler compares
// the examples there with these types.

/** The answer to a request that was not served. */
export interface Problem {
  code: string;
  /** What happened and what to do. */
  message: string;
}

export interface Money {
  amount: string;
  currency: string;
}

export interface CrmRecord {
  type: string;
  id: string;
}

export interface Gifts {
  record: CrmRecord;
  /** Newest first, at most 100. */
  gifts: Gift[];
  older: number;
  total: { count: number; value: Money[] };
  sender: Sender;
}

/** Whether the user may send, and as whom. */
export interface Sender {
  allowed: boolean;
  email?: string;
  reason?: string;
}

export interface Gift {
  id: string;
  name: string;
  amount?: Money;
  status: string;
  sender: string;
  recipient: string;
  timeline: Moment[];
  /** The last day on which the gift can be opened or redeemed. */
  expires?: string;
  days_left?: number;
  parcel?: string;
  parcel_at?: string;
  /** Of the gift's record in HubSpot. */
  url?: string;
  /** What sends it, while that is not over. */
  send?: Send;
}

export interface Moment {
  kind: string;
  at: string;
}

export interface Form {
  record: CrmRecord;
  sender: Sender;
  test_mode: boolean;
  recipients: Recipient[];
  older: number;
  catalogue: Item[];
  messages: string[];
  budget: Budget;
  approve_above: string;
  time_zone: string;
}

export interface Recipient {
  contact: string;
  name?: string;
  email?: string;
  /** Why no gift can be sent. */
  problem?: string;
}

export interface Item {
  gift: number;
  name: string;
  price: Money;
}

export interface Budget {
  currency: string;
  month: string;
  sender: Left;
  portal: Left;
}

export interface Left {
  limit: string;
  spent: string;
  left: string;
}

export interface Draft {
  /** From the preview. A repeat with the same one sends nothing twice. */
  request?: string;
  gift: number;
  message: string;
  at?: string;
  contacts: string[];
  record?: CrmRecord;
}

export interface Preview {
  request: string;
  recipients: Previewed[];
  sends: number;
  held: number;
  cost: Money;
  budget: Budget;
  test_mode: boolean;
}

export interface Previewed extends Recipient {
  message?: string;
  guard?: string;
  reason?: string;
  held?: boolean;
}

export interface Sends {
  request: string;
  sends: Send[];
  /** To how many something is still to happen. */
  open: number;
}

export interface Send {
  id: string;
  contact?: string;
  state: string;
  guard?: string;
  reason?: string;
  at?: string;
  transaction_id?: string;
}

export interface Settings {
  portal: string;
  account: string;
  last_sync: string | null;
  parts: Part[];
}

export interface Part {
  name: string;
  state: 'connected' | 'missing' | 'broken';
  what: string;
  remedy?: string;
}

/** The part of the statistics that the app shows. */
export interface Statistics {
  made_at: string;
  time_zone: string;
  total_sent: number;
  total_value: Record<string, string>;
  redemption_rate: number | null;
  redeemed: number;
  eligible: number;
  top_types: { name: string; count: number }[];
  top_senders: { name: string; count: number }[];
  by_status: Partial<Record<string, number>>;
  by_month: Partial<Record<string, number>>;
  orphans: Partial<Record<string, number>>;
  last_sync: string | null;
}
