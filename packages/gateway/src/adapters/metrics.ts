import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What Prometheus reads. Labels are closed sets: no number, no address, no id. */
export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
  committed(batch: { readonly steps: number; readonly durationMs: number }): void;
  messageMoved(message: {
    readonly lane: string;
    readonly channel: string;
    readonly provider: string;
    readonly state: string;
  }): void;
  attempted(attempt: {
    readonly provider: string;
    readonly channel: string;
    readonly outcome: string;
    readonly vendorCode: string | null;
  }): void;
  inboundCame(inbound: { readonly provider: string; readonly outcome: string }): void;
  /** @param outcome `delivered`, or why not */
  webhookPosted(outcome: string): void;
  receiptCame(receipt: { readonly provider: string; readonly outcome: string }): void;
  swept(report: { readonly forgotten: Readonly<Record<string, number>>; readonly expiredVerifications: number }): void;
  refused(refusal: { readonly code: string; readonly dimension: string }): void;
  answered(request: {
    readonly method: string;
    readonly route: string;
    readonly status: number;
    readonly ms: number;
  }): void;
}

export interface MetricsSources {
  readonly isStoreUp: () => Promise<boolean>;
  /** Absent when the database keeps the counters. */
  readonly isLimiterUp?: () => Promise<boolean>;
  /** Read at each scrape; NaN is shown when it fails. */
  readonly queue: () => Promise<{ readonly depth: number; readonly oldestAgeMs: number | null }>;
  readonly breakers: () => readonly { readonly provider: string; readonly channel: string; readonly breaker: string }[];
}

const BREAKER_VALUES: Readonly<Record<string, number>> = { closed: 0, half_open: 1, open: 2 };

/** @see https://prometheus.io/docs/practices/naming/ */
export function createMetrics(): Metrics & { observe(sources: MetricsSources): void } {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: "gateway_http_request_duration_seconds",
    help: "Time to answer, by route template",
    labelNames: ["method", "route", "status"],
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 4, 10],
    registers,
  });
  const messages = new Counter({
    name: "gateway_messages_total",
    help: "Messages that reached a state",
    labelNames: ["lane", "channel", "provider", "state"],
    registers,
  });
  const steps = new Histogram({
    name: "gateway_commit_steps",
    help: "Steps that share one commit",
    buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024],
    registers,
  });
  const commits = new Histogram({
    name: "gateway_commit_duration_seconds",
    help: "Time of one commit, its steps included",
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 1],
    registers,
  });
  const refusals = new Counter({
    name: "gateway_sends_refused_total",
    help: "Sends that a limit refused, by what refused",
    labelNames: ["code", "dimension"],
    registers,
  });
  const attempts = new Counter({
    name: "gateway_attempts_total",
    help: "Calls of providers, by what they came to",
    labelNames: ["provider", "channel", "outcome"],
    registers,
  });
  const vendorErrors = new Counter({
    name: "gateway_vendor_errors_total",
    help: "Errors of vendors by their code; unlisted where this version does not know it",
    labelNames: ["provider", "code"],
    registers,
  });
  const inbound = new Counter({
    name: "gateway_inbound_total",
    help: "Messages that people wrote to our senders, by what became of them",
    labelNames: ["provider", "outcome"],
    registers,
  });
  const webhookAttempts = new Counter({
    name: "gateway_webhook_attempts_total",
    help: "Posts to endpoints of webhooks, by what they came to",
    labelNames: ["outcome"],
    registers,
  });
  const receipts = new Counter({
    name: "gateway_receipts_total",
    help: "Delivery receipts that vendors posted, by what became of them",
    labelNames: ["provider", "outcome"],
    registers,
  });
  const lastSweep = new Gauge({
    name: "gateway_last_sweep_timestamp_seconds",
    help: "When this process last ended a sweep; 0 before its first, and where none runs",
    registers,
  });
  const sweptRows = new Counter({
    name: "gateway_swept_rows_total",
    help: "Rows that a sweep ended or forgot",
    labelNames: ["kind"],
    registers,
  });

  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    committed: ({ steps: count, durationMs }) => {
      steps.observe(count);
      commits.observe(durationMs / 1000);
    },
    swept: ({ forgotten, expiredVerifications }) => {
      lastSweep.setToCurrentTime();
      sweptRows.inc({ kind: "expired_verifications" }, expiredVerifications);
      for (const [kind, count] of Object.entries(forgotten)) sweptRows.inc({ kind }, count);
    },
    attempted: ({ provider, channel, outcome, vendorCode }) => {
      attempts.inc({ provider, channel, outcome });
      if (vendorCode !== null) vendorErrors.inc({ provider, code: vendorCode });
    },
    inboundCame: ({ provider, outcome }) => inbound.inc({ provider, outcome }),
    webhookPosted: (outcome) => webhookAttempts.inc({ outcome }),
    receiptCame: ({ provider, outcome }) => receipts.inc({ provider, outcome }),
    refused: ({ code, dimension }) => refusals.inc({ code, dimension }),
    messageMoved: ({ lane, channel, provider, state }) => messages.inc({ lane, channel, provider, state }),
    answered: ({ method, route, status, ms }) => requests.observe({ method, route, status }, ms / 1000),
    observe: ({ isStoreUp, isLimiterUp, queue, breakers }) => {
      new Gauge({
        name: "gateway_store_up",
        help: "1 when the database takes writes",
        registers,
        collect: async function collect() {
          this.set((await isStoreUp()) ? 1 : 0);
        },
      });
      if (isLimiterUp !== undefined) {
        new Gauge({
          name: "gateway_limiter_up",
          help: "1 when Redis counts; 0 while nothing is sent because it does not",
          registers,
          collect: async function collect() {
            this.set((await isLimiterUp()) ? 1 : 0);
          },
        });
      }
      // While the database is away nobody knows; the other metrics are needed then more than ever.
      const readQueue = () => queue().catch(() => ({ depth: Number.NaN, oldestAgeMs: Number.NaN }));
      new Gauge({
        name: "gateway_queue_oldest_age_seconds",
        help: "Age of the oldest unsent message",
        registers,
        collect: async function collect() {
          this.set(((await readQueue()).oldestAgeMs ?? 0) / 1000);
        },
      });
      new Gauge({
        name: "gateway_queue_depth",
        help: "Messages not yet sent",
        registers,
        collect: async function collect() {
          this.set((await readQueue()).depth);
        },
      });
      new Gauge({
        name: "gateway_provider_breaker",
        help: "0 closed, 1 half open, 2 open",
        labelNames: ["provider", "channel"],
        registers,
        collect() {
          for (const { provider, channel, breaker } of breakers())
            this.set({ provider, channel }, BREAKER_VALUES[breaker] ?? 2);
        },
      });
    },
  };
}
