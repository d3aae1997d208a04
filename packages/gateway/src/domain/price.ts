import { CHANNELS, type Channel } from "@mestore/sms-gateway-contract";
import type { Price } from "./delivery.ts";

/** What one segment of a channel costs; for a call or an e-mail, the whole of it. */
interface PriceRow extends Price {
  readonly provider: string;
  readonly channel: Channel;
  /** Two letters, or `*` for every country. */
  readonly country: string;
}

export type PriceTable = readonly PriceRow[];

/** A line of the file that cannot be read, and why, for an operator. */
export interface PriceProblem {
  /** From 1. */
  readonly line: number;
  readonly problem: string;
}

/** The first line of the file. */
export const PRICE_HEADER = "provider,channel,country,price,currency";
const ANYWHERE = "*";

const isChannel = (text: string): text is Channel => CHANNELS.some((channel) => channel === text);

function readRow(line: string): PriceRow | string {
  const [provider = "", channel = "", country = "", price = "", currency = "", ...rest] = line
    .split(",")
    .map((cell) => cell.trim());
  if (rest.length > 0 || currency === "") return `must have five cells: ${PRICE_HEADER}`;
  if (!isChannel(channel)) return `the channel must be one of ${CHANNELS.join(", ")}`;
  if (!/^([A-Z]{2}|\*)$/.test(country)) return "the country must be two capital letters, or * for all";
  if (!/^\d{1,6}(\.\d{1,8})?$/.test(price)) return "the price must be a number such as 0.0525";
  if (!/^[A-Z]{3}$/.test(currency)) return "the currency must be three capital letters, such as USD";
  if (!/^[a-z][a-z0-9-]*$/.test(provider)) return "the provider must be one of your providers, such as twilio";
  return { provider, channel, country, amount: Number(price), currency };
}

/**
 * Reads a price table: CSV with a header, a row for each provider, channel and country; lines that begin with `#` are
 * comments.
 *
 * @returns the rows, and what is wrong with the lines that are none
 */
export function readPriceTable(text: string): {
  readonly table: PriceTable;
  readonly problems: readonly PriceProblem[];
} {
  const table: PriceRow[] = [];
  const problems: PriceProblem[] = [];
  const lines = text.split(/\r?\n/).map((line, index) => ({ line: line.trim(), number: index + 1 }));
  const [header, ...rows] = lines.filter(({ line }) => line !== "" && !line.startsWith("#"));
  if (header?.line !== PRICE_HEADER) problems.push({ line: header?.number ?? 1, problem: `must be ${PRICE_HEADER}` });
  for (const { line, number } of rows) {
    const row = readRow(line);
    if (typeof row === "string") problems.push({ line: number, problem: row });
    else table.push(row);
  }
  return { table, problems };
}

export interface Priced {
  readonly provider: string;
  readonly channel: Channel;
  /** Null where nobody knows. */
  readonly country: string | null;
  /** Null where the channel has none: a call, an e-mail. */
  readonly segments: number | null;
}

/** What a message costs by the table; null when the table has no row for it. The country's row wins over the one for all. */
export function priceOf(table: PriceTable, { provider, channel, country, segments }: Priced): Price | null {
  const rows = table.filter((row) => row.provider === provider && row.channel === channel);
  const row = rows.find((each) => each.country === country) ?? rows.find((each) => each.country === ANYWHERE);
  // Whole millionths: what binary fractions add must not show in a sum.
  const total = row === undefined ? 0 : Math.round(row.amount * (segments ?? 1) * 1e6) / 1e6;
  return row === undefined ? null : { amount: total, currency: row.currency };
}
