import { PutContact } from "@mestore/sms-gateway-contract";
import { errorText } from "@mestore/sms-gateway-contract/errors";
import { readEmail } from "../domain/email.ts";
import { readPhone } from "../domain/phone.ts";
import { type CsvRecord, readCsv } from "./csv.ts";

const COLUMNS = ["sub", "phone", "email", "name"] as const;
type Column = (typeof COLUMNS)[number];
const MAX_SUB_CHARS = 255;

export interface ContactRow {
  readonly line: number;
  readonly sub: string;
  readonly phone: string | null;
  readonly email: string | null;
  readonly name: string | null;
}

export interface BadRow {
  readonly line: number;
  readonly problem: string;
}

export type ContactFile =
  | { readonly kind: "read"; readonly rows: readonly ContactRow[]; readonly bad: readonly BadRow[] }
  /** Not a list of contacts at all. */
  | { readonly kind: "broken"; readonly line: number; readonly problem: string };

const isColumn = (name: string): name is Column => COLUMNS.some((column) => column === name);

function readHeader({ fields }: CsvRecord): readonly Column[] | string {
  const names = fields.map((field) => field.trim().toLowerCase());
  const expected = `the first line must name columns of ${COLUMNS.join(",")}`;
  const unknown = names.find((name) => !isColumn(name));
  if (unknown !== undefined) {
    return unknown.includes(";") ? `${expected}, separated by commas, not by ;` : `${expected}, and has "${unknown}"`;
  }
  if (new Set(names).size < names.length) return `${expected}, each once`;
  return names.includes("sub") ? names.filter(isColumn) : `${expected}; sub is missing`;
}

function findProblem({ sub, phone, email, name }: ContactRow, allowedCountries: readonly string[]): string | null {
  if (sub === "") return "sub is empty";
  if (sub.length > MAX_SUB_CHARS) return `sub is longer than ${MAX_SUB_CHARS} characters`;
  const number = phone === null ? null : readPhone(phone, { defaultCountry: "CO", allowedCountries });
  if (typeof number === "string") return `phone: ${errorText(number, "en")}`;
  if (email !== null && readEmail(email) === null) return `email: ${errorText("email_invalid", "en")}`;
  if (!PutContact.shape.name.safeParse(name).success) return "name is longer than 120 characters";
  return null;
}

/**
 * Reads a file of contacts: a header, then one user of the host application a line. Empty fields mean that there is none.
 *
 * @param text comma-separated, RFC 4180
 */
export function readContactFile(text: string, allowedCountries: readonly string[]): ContactFile {
  const csv = readCsv(text);
  if (csv.kind === "broken") return csv;
  const [header, ...records] = csv.records;
  if (header === undefined) return { kind: "broken", line: 1, problem: "the file is empty" };
  const columns = readHeader(header);
  if (typeof columns === "string") return { kind: "broken", line: header.line, problem: columns };

  const rows: ContactRow[] = [];
  const bad: BadRow[] = [];
  const lineOf = new Map<string, number>();
  for (const { line, fields } of records) {
    if (fields.length !== columns.length) {
      bad.push({ line, problem: `has ${fields.length} fields, and the header has ${columns.length}` });
      continue;
    }
    const field = (column: Column): string => fields[columns.indexOf(column)]?.trim() ?? "";
    const row: ContactRow = {
      line,
      sub: field("sub"),
      phone: field("phone") || null,
      email: field("email") || null,
      name: field("name") || null,
    };
    const before = lineOf.get(row.sub);
    const problem =
      findProblem(row, allowedCountries) ?? (before === undefined ? null : `sub is also on line ${before}`);
    if (problem === null) rows.push(row);
    else bad.push({ line, problem });
    if (before === undefined) lineOf.set(row.sub, line);
  }
  return { kind: "read", rows, bad };
}
