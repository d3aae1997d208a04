import type { Channel } from "@mestore/sms-gateway-contract";
import { AppError } from "../domain/app-error.ts";
import { findRoute, type RouteTable } from "../domain/route.ts";
import type { GuardedProvider, ProviderHealth } from "../ports/provider.ts";

/** What a route is chosen by. */
export interface Destination {
  readonly channel: Channel;
  readonly to: string;
  /** Two letters for a phone, null for an e-mail. */
  readonly country: string | null;
}

/** One provider of a route, and why it would be called or not. */
export interface Candidate {
  readonly provider: string;
  readonly breaker: ProviderHealth["breaker"];
  /** Why it cannot reach the destination, for an operator, in English; null when it can. */
  readonly problem: string | null;
}

export interface RouteExplanation {
  /** The prefix or the country of the rule; null when none matched. */
  readonly match: string | null;
  /** In the order of the route. */
  readonly candidates: readonly Candidate[];
  /** Who would be called now; null when nobody can. */
  readonly chosen: string | null;
}

/** Knows every provider, and who carries what. */
export interface Router {
  readonly providers: readonly GuardedProvider[];
  find(channel: Channel, id: string): GuardedProvider | null;
  /** Who can be called, the best first: the route's order, those behind an open breaker last. */
  usable(destination: Destination): readonly string[];
  /**
   * Who is called first.
   *
   * @throws {AppError} `channel_unavailable`
   */
  choose(destination: Destination): string;
  explain(destination: Destination): RouteExplanation;
}

export interface RouterOptions {
  readonly providers: readonly GuardedProvider[];
  /** A channel without a table uses its providers as they are listed. */
  readonly routes: Partial<Readonly<Record<Channel, RouteTable>>>;
}

export function createRouter({ providers, routes }: RouterOptions): Router {
  const find = (channel: Channel, id: string): GuardedProvider | null =>
    providers.find((provider) => provider.channel === channel && provider.id === id) ?? null;

  const tableOf = (channel: Channel): RouteTable =>
    routes[channel] ?? { providers: providers.filter((p) => p.channel === channel).map(({ id }) => id), rules: [] };

  const explain = (destination: Destination): RouteExplanation => {
    const route = findRoute(tableOf(destination.channel), destination);
    const candidates = route.providers.flatMap((id): readonly Candidate[] => {
      const provider = find(destination.channel, id);
      if (provider === null) return [];
      return [
        { provider: id, breaker: provider.health().breaker, problem: provider.problemWith?.(destination) ?? null },
      ];
    });
    const able = candidates.filter(({ problem }) => problem === null);
    const chosen = able.find(({ breaker }) => breaker !== "open") ?? able[0];
    return { match: route.match, candidates, chosen: chosen?.provider ?? null };
  };

  const usable = (destination: Destination): readonly string[] => {
    const able = explain(destination).candidates.filter(({ problem }) => problem === null);
    const isOpen = ({ breaker }: Candidate): boolean => breaker === "open";
    return [...able.filter((each) => !isOpen(each)), ...able.filter(isOpen)].map(({ provider }) => provider);
  };

  return {
    providers,
    find,
    usable,
    choose: (destination) => {
      const [first] = usable(destination);
      if (first === undefined) throw new AppError("channel_unavailable");
      return first;
    },
    explain,
  };
}
