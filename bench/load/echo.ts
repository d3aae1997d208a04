import { CheckVerification, SendSmsOpen, StartVerification, VerifySmsOpen } from "@mestore/sms-gateway-contract";
import Fastify from "fastify";

/** The one call of zod that the gateway's own validator makes. */
interface Shape {
  safeParse(value: unknown): { readonly success: true; readonly data: unknown } | { success: false; error: Error };
}

/** What the gateway is measured against: it reads the same bodies against the same shapes and answers them. */
const SHAPES: Readonly<Record<string, Shape>> = {
  "/v1/verifications": StartVerification,
  "/v1/verifications/:id/check": CheckVerification,
  "/api/v1/auth/send-verification-sms": SendSmsOpen,
  "/api/v1/auth/verify-phone-otp": VerifySmsOpen,
};

const app = Fastify();
app.setValidatorCompiler<Shape>(({ schema }) => (data) => {
  const result = schema.safeParse(data);
  return result.success ? { value: result.data } : { error: result.error };
});
app.get("/livez", async () => ({ status: "ok" }));
for (const [path, body] of Object.entries(SHAPES)) {
  app.post(path, { schema: { body } }, async (request) => request.body);
}
process.on("SIGTERM", () => process.exit(0));
await app.listen({ host: "127.0.0.1", port: Number(process.env["PORT"]) });
