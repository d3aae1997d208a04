import type { Answer, GatewayClient } from "@mestore/sms-gateway-client";
import { type Chapter, fail, freshNumber, pass, refusedWith, type Step, skip, unexpected } from "./kit.ts";

const INBOX_SECONDS = 10;
const GUESSES = 10;

/** Another code of the same length. */
const wrongCode = (code: string): string => code.replace(/\d$/, (last) => String((Number(last) + 1) % 10));

/** The code that the simulated carrier received. */
async function readCode(gateway: GatewayClient, to: string): Promise<Answer<string | null>> {
  const answer = await gateway.inbox.wait({ to, timeout: INBOX_SECONDS });
  return answer.ok ? { ...answer, data: answer.data.code } : answer;
}

const wrongThenRight: Step = {
  name: "a wrong code is refused, the right one approved, and only once",
  run: async (kit) => {
    const { gateway } = kit;
    const to = await freshNumber(kit);
    const started = await gateway.startVerification({ to, channel: "sms" });
    if (!started.ok) return unexpected("start", started);
    const { id, attemptsRemaining } = started.data;
    const code = await readCode(gateway, to);
    if (!code.ok) return unexpected("inbox", code);
    if (code.data === null) return fail("the SMS that arrived holds no code");

    const wrong = await gateway.checkVerification(id, { code: wrongCode(code.data) });
    const refused = refusedWith(wrong, "code_incorrect");
    if (refused.state !== "pass" || wrong.ok) return refused;
    if (wrong.error.attemptsRemaining !== attemptsRemaining - 1) return fail("the wrong code cost no attempt");
    const right = await gateway.checkVerification(id, { code: code.data, proof: true });
    if (!right.ok) return unexpected("the right code", right);
    if (right.data.status !== "approved") return fail(`the right code left it ${right.data.status}`);
    if (right.data.proof === undefined) return fail("the approval came without its proof");
    const again = await gateway.checkVerification(id, { code: code.data });
    const once = refusedWith(again, "no_active_code");
    return once.state === "pass" ? pass(`${to} approved; the same code again: ${once.detail}`) : once;
  },
};

const openFlow: Step = {
  name: "the MeStore endpoints verify a phone",
  run: async (kit) => {
    const { auth, gateway } = kit;
    const telefono = await freshNumber(kit);
    const sent = await auth.sendVerificationSms({ telefono });
    if (!sent.ok && sent.error.code === "credentials_invalid") return skip("the open flow is off (OPEN_VERIFICATION)");
    if (!sent.ok) return unexpected("send-verification-sms", sent);
    const code = await readCode(gateway, telefono);
    if (!code.ok) return unexpected("inbox", code);
    const otp = code.data ?? "";
    const wrong = refusedWith(await auth.verifyPhoneOtp({ telefono, otp: wrongCode(otp) }), "code_incorrect");
    if (wrong.state !== "pass") return wrong;
    const verified = await auth.verifyPhoneOtp({ telefono, otp });
    if (!verified.ok) return unexpected("verify-phone-otp", verified);
    const isVerified = verified.data.verification_status.phone_verified;
    return isVerified ? pass(verified.data.message) : fail("the right code did not set phone_verified");
  },
};

const openEmail: Step = {
  name: "the MeStore endpoints verify an e-mail",
  run: async ({ auth, gateway, status }) => {
    const isReal = status.providers.some(({ channel, provider }) => channel === "email" && provider !== "simulation");
    if (isReal) return skip("a real mail would leave");
    const email = `selftest-${crypto.randomUUID()}@example.com`;
    const sent = await auth.sendVerificationEmail({ email });
    if (!sent.ok && sent.error.code === "credentials_invalid") return skip("the open flow is off (OPEN_VERIFICATION)");
    if (!sent.ok && sent.error.code === "email_disabled") return skip("EMAIL_OTP_ENABLED=false");
    if (!sent.ok) return unexpected("send-verification-email", sent);
    const code = await readCode(gateway, email);
    if (!code.ok) return unexpected("inbox", code);
    const verified = await auth.verifyEmailOtp({ email, otp: code.data ?? "" });
    if (!verified.ok) return unexpected("verify-email-otp", verified);
    const isVerified = verified.data.verification_status.email_verified;
    return isVerified ? pass(verified.data.message) : fail("the right code did not set email_verified");
  },
};

const guessing: Step = {
  name: "guessing ends: the attempts run out, and then one waits",
  run: async (kit) => {
    const { gateway } = kit;
    const to = await freshNumber(kit);
    const started = await gateway.startVerification({ to, channel: "sms" });
    if (!started.ok) return unexpected("start", started);
    const code = await readCode(gateway, to);
    if (!code.ok) return unexpected("inbox", code);
    const guess = () => gateway.checkVerification(started.data.id, { code: wrongCode(code.data ?? "") });
    const allowed = Math.min(started.data.attemptsRemaining, GUESSES);
    for (let attempt = 1; attempt < allowed; attempt++) {
      const refused = refusedWith(await guess(), "code_incorrect");
      if (refused.state !== "pass") return fail(`guess ${attempt}: ${refused.detail}`);
    }
    const last = refusedWith(await guess(), "attempts_exhausted");
    if (last.state !== "pass") return fail(`guess ${allowed}: ${last.detail}`);
    const right = await gateway.checkVerification(started.data.id, { code: code.data ?? "" });
    await gateway.resetLimits(to);
    if (right.ok) return fail("the right code was still accepted after the last attempt");
    return pass(`${allowed} guesses, then ${right.error.code}`);
  },
};

const malformed: Step = {
  name: "a code that is no number is refused without costing an attempt",
  run: async (kit) => {
    const { gateway } = kit;
    const to = await freshNumber(kit);
    const started = await gateway.startVerification({ to, channel: "sms" });
    if (!started.ok) return unexpected("start", started);
    const refused = refusedWith(await gateway.checkVerification(started.data.id, { code: "abc" }), "code_malformed");
    if (refused.state !== "pass") return refused;
    const read = await gateway.getVerification(started.data.id);
    if (!read.ok) return unexpected("read", read);
    return read.data.attemptsRemaining === started.data.attemptsRemaining ? refused : fail("it cost an attempt");
  },
};

export const CODES: Chapter = {
  title: "codes",
  isSending: true,
  steps: [wrongThenRight, openFlow, openEmail, malformed, guessing],
};
