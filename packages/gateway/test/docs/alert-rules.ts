/** A rule of deploy/prometheus/alerts.yaml. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly severity: string;
  readonly summary: string;
}

const RULE =
  /^ {6}- alert: (?<alert>[A-Z]\w+)\n {8}expr: (?<expr>\S.*)\n {8}for: (?<for>\d+[smh])\n {8}labels:\n {10}severity: (?<severity>page|ticket)\n {8}annotations:\n {10}summary: (?<summary>[^:#"'{}\n]+)\n$/;
const HEAD = "groups:\n  - name: sms-gateway\n    rules:\n";

/**
 * Reads the form in which our file is written, and no other: a rule is seven lines, its expression is one of them.
 *
 * @throws for everything else, and for an expression that YAML would read differently
 */
export function parseAlertRules(document: string): readonly AlertRule[] {
  const text = document.replace(/^#.*\n/gm, "");
  if (!text.startsWith(HEAD)) throw new Error("the file does not begin with one group named sms-gateway");
  return text
    .slice(HEAD.length)
    .split("\n\n")
    .map((written) => {
      const found = RULE.exec(`${written.trimEnd()}\n`)?.groups;
      if (found === undefined) throw new Error(`cannot be read here:\n${written}`);
      if (/: | #|^[[\]{}"'|>&*!%@`]/.test(found["expr"] ?? "")) throw new Error(`YAML reads another text: ${written}`);
      return found as unknown as AlertRule;
    });
}

/** A metric in an expression, with what its labels must be. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
  /** Of a range, such as `5m`. */
  readonly range: string | undefined;
}

const FUNCTIONS: readonly string[] = ["absent", "histogram_quantile", "increase", "max", "min", "rate", "sum", "time"];
const WORDS: readonly string[] = [...FUNCTIONS, "and", "by", "or", "vector"];
const TOKEN =
  /\s+|(?<word>[a-zA-Z_:][\w:]*)|(?<braces>\{[^{}]*\})|(?<range>\[\d+[smh]\])|(?<number>\d+(?:\.\d+)?)|(?<sign>==|<=|>=|!=|[-+*/<>(),])/y;
const MATCHER = /^(\w+)(=~|!~|!=|=)"([^"\\]*)"$/;
const COUNTERS_ONLY: readonly string[] = ["rate", "increase"];

function parseMatchers(braces: string): Selector["matchers"] {
  const inside = braces.slice(1, -1);
  if (inside === "") return [];
  return inside.split(/,(?=\w+[=!])/).map((written) => {
    const [, label, operator, value] = MATCHER.exec(written) ?? [];
    if (label === undefined || operator === undefined || value === undefined) throw new Error(`no matcher: ${written}`);
    return { label, operator, value };
  });
}

interface Token {
  readonly kind: string;
  readonly text: string;
}

function tokenize(expression: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < expression.length) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(expression);
    if (found === null) throw new Error(`no PromQL: ${expression.slice(at)}`);
    for (const [kind, text] of Object.entries(found.groups ?? {})) if (text !== undefined) tokens.push({ kind, text });
  }
  return tokens;
}

/**
 * Finds the metrics of an expression. Knows as much of PromQL as our rules use: every word is a function, an operator, a label
 * behind `by`, or a metric; parentheses close; what `rate` and `increase` read has a range, and nothing else has.
 *
 * @throws for what it does not know
 */
export function findSelectors(expression: string): readonly Selector[] {
  const tokens = tokenize(expression);
  const selectors: Selector[] = [];
  const open: string[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const { kind, text } = tokens[at] ?? { kind: "", text: "" };
    const before = tokens[at - 1]?.text ?? "";
    if (text === "(") open.push(before);
    else if (text === ")") {
      if (open.pop() === undefined) throw new Error(`a parenthesis too many: ${expression}`);
    } else if (kind === "word" && !WORDS.includes(text) && open.at(-1) !== "by") {
      const braces = tokens[at + 1]?.kind === "braces" ? tokens[++at]?.text : undefined;
      const range = tokens[at + 1]?.kind === "range" ? tokens[++at]?.text.slice(1, -1) : undefined;
      if (COUNTERS_ONLY.includes(open.at(-1) ?? "") !== (range !== undefined)) throw new Error(`a range at ${text}`);
      selectors.push({ metric: text, matchers: braces === undefined ? [] : parseMatchers(braces), range });
    } else if (kind === "braces" || kind === "range") throw new Error(`nothing before ${text}`);
    else if (FUNCTIONS.includes(text) && !["(", "by"].includes(tokens[at + 1]?.text ?? "")) {
      throw new Error(`${text} is called with nothing: ${expression}`);
    }
  }
  if (open.length > 0) throw new Error(`a parenthesis is open: ${expression}`);
  return selectors;
}
