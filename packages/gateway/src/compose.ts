import { promisify } from "node:util";
import type { Logger } from "pino";
import { guard } from "./adapters/guard.ts";
import { createHostTokens } from "./adapters/host-tokens.ts";
import { createMetrics, type Metrics } from "./adapters/metrics.ts";
import { createProofSigner } from "./adapters/proof-signer.ts";
import { createSecrets, createSharedClock, createSystemClock } from "./adapters/system.ts";
import { createWebhookSender } from "./adapters/webhook-sender.ts";
import type { Role } from "./cli/local.ts";
import { type Config, OutOfReachError } from "./config.ts";
import { ID_RANDOM_BYTES, toId } from "./domain/id.ts";
import { createApp } from "./http/app.ts";
import type { Server } from "./http/server.ts";
import { openProviders, toRoutes } from "./open-providers.ts";
import { openLimiter, openStore, type StoreOptions } from "./open-store.ts";
import type { Clock } from "./ports/clock.ts";
import type { ReceiveReceipt } from "./ports/provider.ts";
import type { Store } from "./ports/store.ts";
import { createAccounts } from "./services/accounts.ts";
import { createCodes } from "./services/codes.ts";
import { createContacts } from "./services/contacts.ts";
import { createDelivery, type Delivery } from "./services/delivery.ts";
import { createFallbacks } from "./services/fallbacks.ts";
import { createIdempotency } from "./services/idempotency.ts";
import { createInbox } from "./services/inbox.ts";
import { createKeys, type Keys } from "./services/keys.ts";
import { createLimits } from "./services/limits.ts";
import { createNotifications } from "./services/notifications.ts";
import { createOptOuts } from "./services/opt-outs.ts";
import { createReceipts } from "./services/receipts.ts";
import { createRecipients } from "./services/recipients.ts";
import { createRetention } from "./services/retention.ts";
import { createRouter } from "./services/router.ts";
import { createStatus } from "./services/status.ts";
import { createSwitchboard } from "./services/switchboard.ts";
import { createVerifications } from "./services/verifications.ts";
import { createVoiceScripts } from "./services/voice-scripts.ts";
import { createWebhookDelivery } from "./services/webhook-delivery.ts";
import { createWebhookKeys } from "./services/webhook-keys.ts";
import { createWebhooks } from "./services/webhooks.ts";
import { reasonOf } from "./with-store.ts";

const WORK_EVERY_MS = 250;
const REFRESH_EVERY_MS = 500;
const OPEN_FLOW_WARNING_EVERY_MS = 3_600_000;
const CLOCK_EVERY_MS = 60_000;
const SWEEP_EVERY_MS = 60_000;
const FALLBACKS_EVERY_MS = 2_000;
const WEBHOOKS_EVERY_MS = 500;
/** Connections that stay open are told to close with their next answer; whoever has not asked by then loses it. */
const CONNECTIONS_GRACE_MS = 3_000;
const CONNECTIONS_POLL_MS = 20;
/** For so long a process that is not ready any more still listens: a balancer notices when it asks the next time. */
const NOTICE_MS = 1_000;
const DRAIN_GRACE_MS = 10_000;

/** The secrets of a running gateway, wherever they came from. */
export interface RunningSecrets {
  readonly otpSecret: string;
  readonly otpSecretPrevious: string | undefined;
  readonly secretKey: string | undefined;
  readonly proofPrivateKey: string;
  /** The API key of a laptop; undefined in production. */
  readonly developmentKey: string | undefined;
}

export interface GatewayOptions {
  readonly config: Config;
  readonly secrets: RunningSecrets;
  readonly role: Role;
  /** The machine's or the database's when absent; tests have others. */
  readonly clock?: Clock;
  readonly logger: Logger;
  readonly version: string;
  readonly maxSteps?: StoreOptions["maxSteps"];
  /** Shows simulated messages; nothing is shown without it. */
  readonly terminal?: ((block: string) => void) | undefined;
  /** Only a test of `selftest` says false. */
  readonly isRateLimitingOn?: boolean;
}

export interface Gateway {
  readonly app: Server;
  readonly store: Store;
  readonly keys: Keys;
  readonly metrics: Metrics;
  /** Starts what runs beside requests. */
  start(): void;
  /** Readiness off, no more claims, running sends finished, everything closed. */
  stop(): Promise<void>;
}

/** @throws {OutOfReachError} when the database server does not answer */
async function openConfigured(config: Config, options: StoreOptions): Promise<Store> {
  try {
    return await openStore(config, options);
  } catch (error) {
    if (config.store.database.engine === "sqlite") throw error;
    throw new OutOfReachError([
      { name: "DATABASE_URL", problem: `${config.store.name} is out of reach (${reasonOf(error)})` },
    ]);
  }
}

const isAnswering = (asking: Promise<void>): Promise<boolean> =>
  asking.then(
    () => true,
    () => false,
  );

/** Processes that share a database share its time. */
async function openClock(store: Store): Promise<{ readonly clock: Clock; readonly set: () => Promise<void> }> {
  if ((await store.readTime()) === null) return { clock: createSystemClock(), set: async () => undefined };
  const clock = createSharedClock();
  const set = () =>
    clock.set(async () => {
      const ms = await store.readTime();
      if (ms === null) throw new Error("the database has no time any more");
      return ms;
    });
  await set();
  return { clock, set };
}

/** Ties the parts together; nothing listens yet. */
export async function compose(options: GatewayOptions): Promise<Gateway> {
  const { config, role, logger, version, maxSteps } = options;
  const { policy } = config;
  const onError = (error: unknown): void => logger.error({ err: error }, "background work failed");

  const metrics = createMetrics();
  const store = await openConfigured(config, {
    onBatch: metrics.committed,
    ...(maxSteps === undefined ? {} : { maxSteps }),
  });
  const limiter = await openLimiter(config);
  const { clock, set: setClock } =
    options.clock === undefined ? await openClock(store) : { clock: options.clock, set: async () => undefined };
  const isApi = role !== "worker";
  const isWorker = role !== "api";
  const secrets = createSecrets(options.secrets);
  const codes = createCodes(secrets);
  const keys = createKeys(store, clock, secrets);
  const readRecipient = createRecipients(policy.allowedCountries);
  const inbox = createInbox(store, clock, { isShared: store.engine === "postgres" });
  const switchboard = createSwitchboard({ store, clock, enabled: config.enabled });
  await switchboard.refresh();

  // Receipts reach the delivery service, which needs the providers first.
  let delivery: Delivery;
  const receive: ReceiveReceipt = (messageId, receipt) => {
    // A receipt that cannot be kept is logged by the delivery service, and the simulation sends none again.
    delivery.receive(messageId, receipt).catch(() => undefined);
  };

  const opened = await openProviders(config, {
    clock,
    simulation: {
      inbox: { addEntry: inbox.add },
      receive,
      newId: () => toId("inb", clock.now(), secrets.randomBytes(ID_RANDOM_BYTES)),
      ...(options.terminal === undefined ? {} : { terminal: options.terminal }),
    },
  });
  const providers = opened.map((provider) => guard(provider, clock));
  const router = createRouter({ providers, routes: toRoutes(config, providers) });
  const hasInbox = providers.some(({ simulated }) => simulated);

  const { brand, webotpHost } = policy;
  const receipts = createReceipts({
    delivery: { receive: (...given) => delivery.receive(...given) },
    router,
    secrets,
    clock,
    publicUrl: config.http.publicUrl,
    onReceipt: metrics.receiptCame,
  });
  const { publicUrl } = config.http;
  const voiceScripts = createVoiceScripts({ store, router, secrets, clock, codes, brand, publicUrl });
  delivery = createDelivery({
    store,
    clock,
    codes,
    switchboard,
    router,
    brand,
    webotpHost,
    isWorker,
    receiptAddressOf: receipts.addressOf,
    scriptAddressOf: voiceScripts.addressOf,
    onAttempt: metrics.attempted,
    onError,
  });
  delivery.onChange(metrics.messageMoved);
  if (hasInbox) delivery.onChange(({ id, state }) => void inbox.changed(id, state).catch(onError));

  const { maxFailuresPerDay } = policy;
  const { ignoresLoopback, ...limitPolicy } = config.limits;
  const isRateLimitingOn = options.isRateLimitingOn ?? true;
  const limits = createLimits({
    store,
    clock,
    policy: limitPolicy,
    isEnabled: isRateLimitingOn,
    maxFailuresPerDay,
    ignoresLoopback,
    limiter,
    onRefused: metrics.refused,
    onError,
  });
  const givesBack = ["failed", "expired"];
  delivery.onChange(({ id, state }) => {
    if (givesBack.includes(state)) limits.giveBack(id).catch(onError);
  });
  const retention = createRetention({ store, clock, secrets, onEnded: delivery.announce });
  const typeBase = config.http.publicUrl ?? `http://localhost:${config.http.port}`;
  const signer = createProofSigner(options.secrets.proofPrivateKey, typeBase);
  const verifications = createVerifications({
    store,
    clock,
    secrets,
    codes,
    limits,
    delivery,
    switchboard,
    signer,
    policy,
    readRecipient,
    router,
  });
  const fallbacks = createFallbacks({ store, messages: store, verifications, router, clock });
  delivery.onChange((message) => {
    fallbacks.after(message).catch(onError);
  });
  const contacts = createContacts(store, clock, policy.allowedCountries);
  const status = createStatus({ store, clock, switchboard, router });
  metrics.observe({
    isStoreUp: () => isAnswering(store.ping()),
    ...(limiter === null ? {} : { isLimiterUp: () => isAnswering(limiter.ping()) }),
    queue: async () => (await status.read()).queue,
    breakers: () => providers.map((p) => ({ provider: p.id, channel: p.channel, breaker: p.health().breaker })),
  });
  const webhookKeys = createWebhookKeys(secrets);
  const webhookDelivery = createWebhookDelivery({
    ...{ store, clock, secrets, keys: webhookKeys, onError },
    sender: createWebhookSender(config.webhooks),
    onAttempt: metrics.webhookPosted,
  });
  const webhooks = createWebhooks({
    ...{ store, clock, secrets, keys: webhookKeys, policy: config.webhooks },
    sendTest: webhookDelivery.sendTest,
  });
  const hasCooldown = limitPolicy.cooldownMs > 0;
  const services = {
    clock,
    accounts: createAccounts({
      ...{ contacts, verifications, limits, clock, maxFailuresPerDay, hasCooldown },
      fallback: policy.fallback,
    }),
    verifications,
    notifications: createNotifications({
      store,
      clock,
      secrets,
      limits,
      delivery,
      switchboard,
      readRecipient,
      brand,
      router,
    }),
    contacts,
    limits,
    keys,
    idempotency: createIdempotency(store, clock, secrets),
    switchboard,
    optOuts: createOptOuts({
      store,
      router,
      readRecipient,
      clock,
      publicUrl: config.http.publicUrl,
      onInbound: metrics.inboundCame,
    }),
    receipts,
    voiceScripts,
    router,
    status,
    events: store,
    webhooks,
    inbox: hasInbox ? inbox : null,
    hostTokens: createHostTokens({ ...config.auth, secretKey: options.secrets.secretKey, now: clock.now }),
    signer,
    readRecipient,
    store,
  };

  let isReady = true;
  const app = await createApp({
    server: {
      logger,
      defaultLocale: policy.defaultLocale,
      typeBase,
      trustProxy: config.http.trustProxy,
      allowedHosts: config.http.allowedHosts,
    },
    services,
    settings: {
      version,
      environment: config.environment,
      defaultLocale: policy.defaultLocale,
      typeBase,
      isOpenFlowOn: config.auth.openVerification,
      corsOrigins: config.http.corsOrigins,
      twilioConfigured: config.twilio !== undefined,
      codeLength: policy.codeLength,
      fallback: policy.fallback,
      perNumber: limitPolicy.perNumber,
      numberWindowSeconds: limitPolicy.numberWindowMs / 1000,
      isRateLimitingOn,
      isInboxLocked: config.simulation.isExposed,
    },
    isReady: () => isReady,
    hasSurfaces: isApi,
    onAnswer: metrics.answered,
  });
  if (options.secrets.developmentKey !== undefined) {
    await keys.adopt(options.secrets.developmentKey, {
      name: "development",
      scopes: ["send", "verify", "read", "operate"],
    });
  }

  const stopping = new AbortController();
  const loops: Promise<void>[] = [];
  /** Runs again and again; one failure is logged and does not end it. */
  const loop = (everyMs: number, act: () => Promise<void> | void): void => {
    const run = async (): Promise<void> => {
      while (!stopping.signal.aborted) {
        try {
          await act();
        } catch (error) {
          onError(error);
        }
        await clock.sleep(everyMs, stopping.signal);
      }
    };
    loops.push(run());
  };

  const connectionCount = promisify(app.server.getConnections.bind(app.server));
  /** On a laptop nobody waits for the browser's connections. */
  const letConnectionsEnd = async (): Promise<void> => {
    if (config.environment === "development" || !app.server.listening) return;
    const startedAt = performance.now();
    const isOver = async (): Promise<boolean> => {
      const elapsedMs = performance.now() - startedAt;
      return elapsedMs >= CONNECTIONS_GRACE_MS || (elapsedMs >= NOTICE_MS && (await connectionCount()) === 0);
    };
    while (!(await isOver())) await clock.sleep(CONNECTIONS_POLL_MS);
  };

  return {
    app,
    store,
    keys,
    metrics,
    start: () => {
      if (isWorker) {
        loop(WORK_EVERY_MS, delivery.work);
        loop(FALLBACKS_EVERY_MS, fallbacks.work);
        loop(WEBHOOKS_EVERY_MS, webhookDelivery.work);
        loop(SWEEP_EVERY_MS, async () => metrics.swept(await retention.sweep(stopping.signal)));
      }
      loop(REFRESH_EVERY_MS, switchboard.refresh);
      loop(CLOCK_EVERY_MS, setClock);
      if (store.engine === "postgres" && hasInbox) loop(REFRESH_EVERY_MS, inbox.refresh);
      if (config.isProduction && config.auth.openVerification) {
        const warning = "OPEN_VERIFICATION=true: anybody can ask for codes, and no CAPTCHA stands before it";
        loop(OPEN_FLOW_WARNING_EVERY_MS, () => logger.warn(warning));
      }
    },
    stop: async () => {
      isReady = false;
      stopping.abort();
      await Promise.all(loops);
      await letConnectionsEnd();
      await app.close();
      await Promise.all([delivery.drain(DRAIN_GRACE_MS), webhookDelivery.drain(DRAIN_GRACE_MS)]);
      await Promise.all(providers.map((provider) => provider.close?.()));
      await store.close();
      await limiter?.close();
    },
  };
}
