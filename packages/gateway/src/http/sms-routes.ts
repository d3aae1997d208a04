import { NotificationAnswer, SendNotification, SmsRateLimit, SmsStatus } from "@mestore/sms-gateway-contract";
import { z } from "zod";
import { keyOf, requireKey } from "./callers.ts";
import { answerOnce, type Outcome, toAnswer } from "./idempotent.ts";
import { localeOf } from "./locale.ts";
import type { Server } from "./server.ts";
import type { Services, SurfaceSettings } from "./services.ts";
import { isNumberBlocked, toInstantOrNull } from "./wire.ts";

const QUEUED = { es: "Notificación en camino", en: "The notification is on its way" } as const;

/** The rest of surface A: status, limits and notifications, for servers with a key. */
export function smsRoutes(app: Server, services: Services, settings: SurfaceSettings): void {
  const { status, limits, notifications, idempotency, readRecipient } = services;
  const onRequest = requireKey(services, "operate");

  app.get(
    "/status",
    { onRequest, schema: { tags: ["sms"], summary: "State of the SMS service", response: { 200: SmsStatus } } },
    async (): Promise<SmsStatus> => {
      const [state, account] = await Promise.all([status.read(), status.account()]);
      return {
        service_enabled: state.smsEnabled,
        simulation_mode: state.simulation,
        twilio_configured: settings.twilioConfigured,
        rate_limiting_enabled: settings.isRateLimitingOn,
        rate_limit_backend: limits.backend,
        rate_limit_per_number: settings.perNumber,
        rate_limit_window_seconds: settings.numberWindowSeconds,
        twilio_connection: state.simulation ? "simulation" : account.ok ? "active" : "failed",
        twilio_account_status: state.simulation ? null : account.detail,
        providers: state.providers.map((p) => ({
          provider: p.provider,
          channel: p.channel,
          breaker: p.breaker,
          last_success_at: toInstantOrNull(p.lastSuccessAt),
          last_error: p.lastError,
        })),
        queue: {
          depth: state.queue.depth,
          oldest_age_seconds: state.queue.oldestAgeMs === null ? null : state.queue.oldestAgeMs / 1000,
        },
      };
    },
  );

  app.get(
    "/rate-limit/:phone",
    {
      onRequest,
      schema: {
        tags: ["sms"],
        summary: "Sends of a number in the current window",
        params: z.object({ phone: z.string().max(32) }),
        response: { 200: SmsRateLimit },
      },
    },
    async (request): Promise<SmsRateLimit> => {
      const phone = readRecipient("sms", request.params.phone).address.value;
      const state = await limits.readNumber(phone);
      const [hour] = state.windows;
      if (hour === undefined) throw new Error("a number has no window");
      return {
        phone_number: phone,
        current_count: hour.count,
        limit: hour.limit,
        remaining: hour.remaining,
        window_seconds: hour.windowSeconds,
        reset_at: toInstantOrNull(hour.resetAt),
        blocked: isNumberBlocked(state),
      };
    },
  );

  app.post(
    "/notifications",
    {
      onRequest: requireKey(services, "send"),
      schema: {
        tags: ["sms"],
        summary: "Sends a notification",
        body: SendNotification,
        response: { 202: NotificationAnswer },
      },
    },
    async (request, reply) => {
      const { phone_number: to, message: text, message_type: category = "transactional" } = request.body;
      const { tenant } = keyOf(request);
      const locale = localeOf(request, settings.defaultLocale);
      const toOutcome = ({ id, segments }: { id: string; segments: number | null }): Outcome => {
        const body: NotificationAnswer = {
          success: true,
          message: QUEUED[locale],
          message_id: id,
          segments: segments ?? 1,
        };
        return { status: 202, body };
      };
      return answerOnce(request, reply, {
        idempotency,
        errors: settings,
        caller: `key:${tenant}`,
        act: async (key) =>
          toOutcome(
            await notifications.send({
              tenant,
              channel: "sms",
              to,
              category,
              content: { text },
              locale,
              ...(key === undefined
                ? {}
                : { idempotency: { key, answer: (stored) => toAnswer(toOutcome(stored), request, settings) } }),
            }),
          ),
      });
    },
  );
}
