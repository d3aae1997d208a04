import { generateKeyPairSync, randomBytes } from "node:crypto";
import type { Carrier } from "../carrier/carrier.ts";

/** Variables that send through a local carrier in the vendor's shape. */
export const carrierEnv = ({ account, url }: Carrier): Record<string, string> => ({
  TWILIO_ACCOUNT_SID: account.accountSid,
  TWILIO_AUTH_TOKEN: account.authToken,
  TWILIO_FROM_NUMBER: account.from,
  TWILIO_API_BASE_URL: url,
});

/** Everything that production asks for, with fresh secrets; it sends through a local carrier and has no e-mail. */
export function productionEnv(carrier: Carrier): Record<string, string> {
  const { privateKey } = generateKeyPairSync("ed25519");
  return {
    ...carrierEnv(carrier),
    ENVIRONMENT: "production",
    // Twilio's own test numbers are refused there.
    TWILIO_FROM_NUMBER: "",
    TWILIO_MESSAGING_SERVICE_SID: carrier.account.messagingServiceSid,
    HOST: "127.0.0.1",
    METRICS_PORT: "0",
    TRUST_PROXY: "none",
    EMAIL_OTP_ENABLED: "false",
    SECRET_KEY: randomBytes(32).toString("base64url"),
    OTP_SECRET: randomBytes(32).toString("base64url"),
    PROOF_PRIVATE_KEY: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
