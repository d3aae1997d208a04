/** What a request is made of. */
export interface Values {
  readonly to: string;
  readonly from: string | undefined;
  readonly text: string;
  readonly id: string;
  readonly receiptUrl: string | undefined;
}

export const PLACEHOLDERS: readonly (keyof Values)[] = ["to", "from", "text", "id", "receiptUrl"];

const PLACEHOLDER = /\{\{\s*(\w+)\s*\}\}/g;
const LONE_PLACEHOLDER = /^\{\{\s*(\w+)\s*\}\}$/;

/** The names within braces, known or not. */
export const namesIn = (template: string): readonly string[] =>
  [...template.matchAll(PLACEHOLDER)].map(([, name = ""]) => name);

/** Fills a text in one pass, so that braces in a message stay what they are. */
export const fill = (template: string, values: Values, encode = (text: string): string => text): string =>
  template.replace(PLACEHOLDER, (_, name: keyof Values) => encode(values[name] ?? ""));

/** For an address, whatever the text holds: half a letter would make the encoder throw. */
export const encodeForUrl = (text: string): string => encodeURIComponent(text.toWellFormed());

/** A value of a body: what is nothing but a placeholder without value is left out. */
export function fillBody(template: unknown, values: Values): unknown {
  if (typeof template === "string") {
    const name = LONE_PLACEHOLDER.exec(template)?.[1] as keyof Values | undefined;
    return name === undefined ? fill(template, values) : values[name];
  }
  if (Array.isArray(template)) {
    return template.map((inner) => fillBody(inner, values)).filter((inner) => inner !== undefined);
  }
  if (typeof template !== "object" || template === null) return template;
  const filled = Object.entries(template).map(([name, inner]) => [name, fillBody(inner, values)] as const);
  return Object.fromEntries(filled.filter(([, inner]) => inner !== undefined));
}

/** A flat body as a form. */
export function toForm(body: Readonly<Record<string, unknown>>): string {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(body)) form.append(name, String(value));
  return form.toString();
}

/** Reads `data.messages[0].id` in a value; undefined when there is no such thing. */
function at(value: unknown, path: string): unknown {
  const steps = path
    .replace(/^\$\.?/, "")
    .split(/[.[\]]+/)
    .filter((step) => step !== "");
  return steps.reduce<unknown>(
    (inner, step) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, step)
        ? (inner as Readonly<Record<string, unknown>>)[step]
        : undefined,
    value,
  );
}

/** A text, a number or a truth value as text, as JSON has them; undefined for everything else. */
export function textAt(value: unknown, path: string): string | undefined {
  const found = at(value, path);
  return ["string", "number", "boolean"].includes(typeof found) ? String(found) : undefined;
}

/** JSON of any shape; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
