import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { answerJson, type RecordingServer, startRecordingServer } from "../test/recording-server.ts";
import { type Answer, type BearerAuthClient, createAuthClient, type OpenAuthClient } from "./index.ts";

let server: RecordingServer;

beforeEach(async () => {
  server = await startRecordingServer();
});

afterEach(() => server.stop());

const wire = () => {
  const [request] = server.requests;
  return [`${request?.method} ${request?.url}`, request?.body === "" ? null : JSON.parse(request?.body ?? "")];
};

/** What goes over the wire, and the call that sends it. */
type Route<Client> = readonly [line: string, body: unknown, ask: (client: Client) => Promise<Answer<unknown>>];

const telefono = "300 123 4567";
const email = "a@b.co";
const otp = "012345";
const notification = { phone_number: telefono, message: "Hola" };

const openRoutes: readonly Route<OpenAuthClient>[] = [
  ["POST /api/v1/auth/send-verification-sms", { telefono }, (c) => c.sendVerificationSms({ telefono })],
  ["POST /api/v1/auth/verify-phone-otp", { telefono, otp }, (c) => c.verifyPhoneOtp({ telefono, otp })],
  ["POST /api/v1/auth/send-verification-email", { email }, (c) => c.sendVerificationEmail({ email })],
  ["POST /api/v1/auth/verify-email-otp", { email, otp }, (c) => c.verifyEmailOtp({ email, otp })],
];

const bearerRoutes: readonly Route<BearerAuthClient>[] = [
  ["POST /api/v1/auth/send-verification-sms", { otp_type: "SMS" }, (c) => c.sendVerificationSms()],
  ["POST /api/v1/auth/verify-phone-otp", { otp_code: otp }, (c) => c.verifyPhoneOtp({ otp_code: otp })],
  ["POST /api/v1/auth/send-verification-email", { otp_type: "EMAIL" }, (c) => c.sendVerificationEmail()],
  ["POST /api/v1/auth/verify-email-otp", { otp_code: otp }, (c) => c.verifyEmailOtp({ otp_code: otp })],
  ["GET /api/v1/auth/verification-status", null, (c) => c.verificationStatus()],
];

const smsRoutes: readonly Route<BearerAuthClient>[] = [
  ["GET /api/v1/sms/status", null, (c) => c.smsStatus()],
  ["GET /api/v1/sms/rate-limit/%2B573001234567", null, (c) => c.smsRateLimit("+573001234567")],
  ["POST /api/v1/sms/notifications", notification, (c) => c.sendNotification(notification)],
];

describe("the open flow", () => {
  it.each(openRoutes)("%s names the address and carries no credentials", async (line, body, ask) => {
    await ask(createAuthClient({ baseUrl: server.url, apiKey: "sk_test" }));
    expect(wire()).toEqual([line, body]);
    expect(server.requests[0]?.headers.authorization).toBeUndefined();
  });
});

describe("the bearer variant", () => {
  it.each(bearerRoutes)("%s carries the token and no address", async (line, body, ask) => {
    await ask(createAuthClient({ baseUrl: server.url, token: "jwt", apiKey: "sk_test" }));
    expect(wire()).toEqual([line, body]);
    expect(server.requests[0]?.headers.authorization).toBe("Bearer jwt");
  });

  it("sends an empty token as it is, never the open flow", async () => {
    await createAuthClient({ baseUrl: server.url, token: "" }).sendVerificationSms();
    expect(server.requests[0]?.headers.authorization).toBe("Bearer");
  });

  it("hands out the proof of a verified phone", async () => {
    server.answer(answerJson(200, { success: true, message: "Verificado", verification_token: "jws" }));
    const answer = await createAuthClient({ baseUrl: server.url, token: "jwt" }).verifyPhoneOtp({ otp_code: "012345" });
    expect(answer).toMatchObject({ ok: true, status: 200, data: { verification_token: "jws" } });
  });

  it("hands out the attempts that are left", async () => {
    server.answer(answerJson(400, { code: "code_incorrect", message: "Código incorrecto", attempts_remaining: 4 }));
    const answer = await createAuthClient({ baseUrl: server.url, token: "jwt" }).verifyPhoneOtp({ otp_code: "000000" });
    expect(answer).toMatchObject({ ok: false, status: 400, error: { code: "code_incorrect", attemptsRemaining: 4 } });
  });
});

describe("the operator's routes", () => {
  it.each(smsRoutes)("%s carries the API key, not the user's token", async (line, body, ask) => {
    await ask(createAuthClient({ baseUrl: server.url, token: "jwt", apiKey: "sk_test" }));
    expect(wire()).toEqual([line, body]);
    expect(server.requests[0]?.headers.authorization).toBe("Bearer sk_test");
  });

  it("repeats a notification under its idempotency key", async () => {
    const client = createAuthClient({ baseUrl: server.url, apiKey: "sk_test" });
    await client.sendNotification(notification, { idempotencyKey: "n-1" });
    expect(server.requests[0]?.headers).toMatchObject({ "idempotency-key": "n-1" });
  });
});
