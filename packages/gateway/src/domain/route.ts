/** Whose order of providers the numbers of a prefix or a country follow. */
export interface RouteRule {
  /** `+57300` for every number that begins so, `CO` for every number of the country. */
  readonly match: string;
  /** Ids, the first choice first. */
  readonly providers: readonly string[];
}

/** How the messages of one channel find their provider. */
export interface RouteTable {
  /** For whatever no rule matches. */
  readonly providers: readonly string[];
  readonly rules: readonly RouteRule[];
}

export interface Route {
  /** What matched; null when no rule did. */
  readonly match: string | null;
  readonly providers: readonly string[];
}

const isPrefix = ({ match }: RouteRule): boolean => match.startsWith("+");

/** Finds the route of an address: the longest prefix, else its country, else what is left. */
export function findRoute(
  { providers, rules }: RouteTable,
  { to, country }: { readonly to: string; readonly country: string | null },
): Route {
  const byLength = rules
    .filter((rule) => isPrefix(rule) && to.startsWith(rule.match))
    .sort((a, b) => b.match.length - a.match.length);
  const rule = byLength[0] ?? rules.find(({ match }) => match === country);
  return rule === undefined ? { match: null, providers } : rule;
}

const timesTried = (tried: readonly string[], id: string): number => tried.filter((each) => each === id).length;

/** Who is called next, and whether at once. */
export interface NextProvider {
  readonly id: string;
  /** It has had fewer calls of this message than the one that just failed: there is nothing to wait for. */
  readonly isFailover: boolean;
}

/**
 * Chooses who is called after a call that failed: in rounds, each provider once, then again from the first.
 *
 * @param usable ids that may be called now, the best first
 * @param tried ids of all calls of the message, the one that just failed last
 */
export function nextProvider(usable: readonly string[], tried: readonly string[]): NextProvider | null {
  const calls = timesTried(tried, tried.at(-1) ?? "");
  const fewest = Math.min(...usable.map((id) => timesTried(tried, id)));
  const id = usable.find((each) => timesTried(tried, each) === fewest);
  return id === undefined ? null : { id, isFailover: fewest < calls };
}

/** Rounds that came to an end before the call that just failed: how often the message has waited. */
export const waitsOf = (tried: readonly string[]): number => Math.max(0, timesTried(tried, tried.at(-1) ?? "") - 1);
