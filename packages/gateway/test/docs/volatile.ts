/** What documents show in place of what changes from run to run. */
export const SHOWN_CODE = "482913";
export const SHOWN_ORIGIN = "localhost:8000";
/** Where the receiver of a document listens, which is a free port. */
export const SHOWN_RECEIVER = /\b9000\b/g;
const SHOWN_START_MS = Date.UTC(2026, 0, 1, 12);
const SHOWN_HEADERS = /^(content-type|retry-after|www-authenticate|allow|preference-applied|location):/i;
const WIDTH = 136;

export interface Run {
  /** Epoch milliseconds. */
  readonly startedAt: number;
  /** `localhost:41234`. */
  readonly origin: string;
  readonly receiverPort: string;
  /** Every code sent so far. */
  readonly codes: readonly string[];
}

/** Counts an instant from the start of the run, to the second. */
const showInstant = (text: string, { startedAt }: Run): string => {
  const seconds = Math.floor((Date.parse(text) - startedAt) / 1000);
  return new Date(SHOWN_START_MS + seconds * 1000).toISOString();
};

/** Writes a text of this run as documents show it. */
function showText(text: string, run: Run): string {
  const withCodes = run.codes.reduce(
    (shown, code) => shown.replaceAll(new RegExp(`\\b${code}\\b`, "g"), SHOWN_CODE),
    text,
  );
  return withCodes
    .replaceAll(run.origin, SHOWN_ORIGIN)
    .replaceAll(new RegExp(`\\b${run.receiverPort}\\b`, "g"), "9000")
    .replaceAll(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, (instant) => showInstant(instant, run))
    .replaceAll(/\b(ver|msg|inb|key|req|whk|whd)_[\w-]+/g, "$1_…")
    .replaceAll(/\bsk_(dev_)?[\w-]{20,}/g, "sk_$1…")
    .replaceAll(/\bwhsec_[\w+/]+=*/g, "whsec_…")
    .replaceAll(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, "eyJ…")
    .replaceAll(/"(x|kid)": ?"[\w-]{43}"/g, '"$1": "…"')
    .replaceAll(/"(iat|exp)": ?\d{10}/g, (_, name: string) => {
      const life = name === "exp" ? 600 : 0;
      return `"${name}": ${SHOWN_START_MS / 1000 + life}`;
    });
}

function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([name, part]) => `${JSON.stringify(name)}: ${inline(part)}`);
  return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
}

/** Writes JSON for reading: what fits a line stays on it. */
function formatJson(value: unknown, indent = "", used = 0): string {
  const short = inline(value);
  if (indent.length + used + short.length <= WIDTH || typeof value !== "object" || value === null) return short;
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${value.map((part) => `${deeper}${formatJson(part, deeper)}`).join(",\n")}\n${indent}]`;
  }
  const lines = Object.entries(value).map(([name, part]) => {
    const label = `${JSON.stringify(name)}: `;
    return `${deeper}${label}${formatJson(part, deeper, label.length)}`;
  });
  return `{\n${lines.join(",\n")}\n${indent}}`;
}

/** Writes what commands printed as a document shows it. */
export function showOutput(printed: string, language: string, run: Run): string {
  const text = printed.replaceAll("\r", "").trim();
  if (language === "text") return `${showText(text, run)}\n`;
  if (language === "json") return `${showText(formatJson(JSON.parse(text)), run)}\n`;
  const [head = "", body = ""] = text.split(/\n\n([\s\S]*)/);
  const [status = "", ...headers] = head.split("\n");
  const lines = [status.trim(), ...headers.filter((line) => SHOWN_HEADERS.test(line)).sort()];
  const shownBody = body.trim() === "" ? "" : `\n${formatJson(JSON.parse(body))}\n`;
  return `${showText(`${lines.join("\n")}\n${shownBody}`, run)}`;
}
