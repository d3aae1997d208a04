import {
  CheckedVerification,
  CheckVerification,
  StartedVerification,
  StartVerification,
  Verification,
  VerificationWithTimeline,
} from "@mestore/sms-gateway-contract";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { AppError } from "../domain/app-error.ts";
import { DEFAULT_PURPOSE } from "../domain/verification.ts";
import { sendFailure } from "../services/verifications.ts";
import { keyOf, requireKey } from "./callers.ts";
import { answerOnce, type Outcome, toAnswer } from "./idempotent.ts";
import { localeOf } from "./locale.ts";
import type { Server } from "./server.ts";
import type { Services, SurfaceSettings } from "./services.ts";
import { toTimeline, toVerificationBody } from "./wire.ts";

const MAX_WAIT_SECONDS = 10;
const ById = z.object({ id: z.string().max(64) });

/** @returns milliseconds that the caller asked to wait for the provider's answer (RFC 7240, `Prefer: wait=n`) */
function preferredWaitMs(request: FastifyRequest): number {
  const header = request.headers.prefer;
  const seconds = /(?:^|[\s,;])wait=(\d{1,4})(?=$|[\s,;])/i.exec(typeof header === "string" ? header : "")?.[1];
  return seconds === undefined ? 0 : Math.min(Number(seconds), MAX_WAIT_SECONDS) * 1000;
}

const fallbackProblem = (es: string, en: string): AppError =>
  new AppError("fields_invalid", { problem: { es: `fallback: ${es}`, en: `fallback: ${en}` } });

/** What takes over has to exist, and reaches phones only. */
function assertFallback(
  { channel, fallback = [] }: Pick<z.output<typeof StartVerification>, "channel" | "fallback">,
  { providers }: Services["router"],
): void {
  const [first] = fallback;
  if (first === undefined) return;
  if (channel === "email") throw fallbackProblem("un email no tiene otro medio", "an e-mail has no other channel");
  const missing = fallback.find((each) => !providers.some((provider) => provider.channel === each));
  if (missing !== undefined) {
    throw fallbackProblem(`no hay proveedor para ${missing}`, `there is no provider for ${missing}`);
  }
}

/** Verifications of surface B. */
export function verificationRoutes(app: Server, services: Services, settings: SurfaceSettings): void {
  const { verifications, idempotency, clock } = services;
  const onRequest = requireKey(services, "verify");

  app.post(
    "/verifications",
    {
      onRequest,
      schema: {
        tags: ["verifications"],
        summary: "Sends a code; again while it is live, the same code",
        body: StartVerification,
        response: { 201: StartedVerification },
      },
    },
    async (request, reply) => {
      const { to, channel, subject, purpose, locale, fallback, clientAddress } = request.body;
      const { tenant } = keyOf(request);
      assertFallback(request.body, services.router);
      const waitMs = preferredWaitMs(request);
      if (waitMs > 0) reply.header("preference-applied", `wait=${waitMs / 1000}`);

      const toOutcome = (
        verification: Parameters<typeof toVerificationBody>[0],
        message: StartedVerification["message"],
      ): Outcome => ({ status: 201, body: { ...toVerificationBody(verification, clock.now()), message } });

      return answerOnce(request, reply, {
        idempotency,
        errors: settings,
        caller: `key:${tenant}`,
        act: async (key) => {
          const started = await verifications.start({
            scope: { tenant, purpose: purpose ?? DEFAULT_PURPOSE, subject: subject ?? "" },
            channel,
            to,
            locale: locale ?? localeOf(request, settings.defaultLocale),
            fallback: fallback ?? settings.fallback,
            waitMs,
            ...(clientAddress === undefined ? {} : { client: { address: clientAddress, kind: "open" as const } }),
            ...(key === undefined
              ? {}
              : {
                  idempotency: {
                    key,
                    answer: ({ verification, messageId }) =>
                      toAnswer(toOutcome(verification, { id: messageId, state: "sending" }), request, settings),
                  },
                }),
          });
          const { id, state } = started.message;
          return sendFailure(started) ?? toOutcome(started.verification, { id, state });
        },
      });
    },
  );

  app.get(
    "/verifications/:id",
    {
      onRequest: requireKey(services, "read"),
      schema: {
        tags: ["verifications"],
        summary: "Reads a verification with its timeline",
        params: ById,
        response: { 200: VerificationWithTimeline },
      },
    },
    async (request): Promise<VerificationWithTimeline> => {
      const { verification, timeline } = await verifications.read(keyOf(request).tenant, request.params.id);
      return { ...toVerificationBody(verification, clock.now()), timeline: toTimeline(timeline) };
    },
  );

  app.post(
    "/verifications/:id/check",
    {
      onRequest,
      schema: {
        tags: ["verifications"],
        summary: "Checks a code; a wrong one is an error and costs an attempt",
        params: ById,
        body: CheckVerification,
        response: { 200: CheckedVerification },
      },
    },
    async (request): Promise<CheckedVerification> => {
      const { code, proof } = request.body;
      const target = { tenant: keyOf(request).tenant, id: request.params.id };
      const verification = await verifications.check({ target, code });
      const body = toVerificationBody(verification, clock.now());
      return proof === true ? { ...body, proof: await verifications.prove(verification) } : body;
    },
  );

  app.post(
    "/verifications/:id/cancel",
    {
      onRequest,
      schema: {
        tags: ["verifications"],
        summary: "Cancels a pending verification",
        params: ById,
        response: { 200: Verification },
      },
    },
    async (request) =>
      toVerificationBody(await verifications.cancel(keyOf(request).tenant, request.params.id), clock.now()),
  );
}
