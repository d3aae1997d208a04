import { type Chapter, fail, freshNumber, pass, refusedWith, type Step, skip, unexpected } from "./kit.ts";

/** A limit above this is not walked up to. */
const MAX_SENDS = 30;

const cooldown: Step = {
  name: "a code is counted, and a second one must wait",
  run: async (kit) => {
    const { gateway } = kit;
    const to = await freshNumber(kit);
    const first = await gateway.startVerification({ to, channel: "sms" });
    if (!first.ok) return unexpected("the first code", first);
    const limits = await gateway.getLimits(to);
    if (!limits.ok) return unexpected("limits", limits);
    if (limits.data.windows.some(({ count }) => count !== 1)) return fail("the code that was sent is not counted");
    if (limits.data.retryAfterSeconds === 0) return skip("counted; OTP_COOLDOWN_SECONDS=0 asks for no wait");
    const second = await gateway.startVerification({ to, channel: "sms" });
    const refused = refusedWith(second, "cooldown");
    if (refused.state !== "pass" || second.ok) return refused;
    return (second.error.retryAfterSeconds ?? 0) > 0 ? refused : fail("the refusal does not say when to come back");
  },
};

const perNumber: Step = {
  name: "a number receives so many messages and no more",
  run: async (kit) => {
    const { gateway } = kit;
    const to = await freshNumber(kit);
    const limits = await gateway.getLimits(to);
    if (!limits.ok) return unexpected("limits", limits);
    const limit = Math.min(...limits.data.windows.map((window) => window.limit));
    if (limit > MAX_SENDS) return skip(`${limit} messages are allowed, too many to try`);
    const send = () => gateway.sendMessage({ to, text: "Prueba de la pasarela", category: "transactional" });
    for (let sent = 1; sent <= limit; sent++) {
      const answer = await send();
      if (!answer.ok) return unexpected(`message ${sent} of ${limit}`, answer);
    }
    const beyond = await send();
    const refused = refusedWith(beyond, "rate_limited");
    if (refused.state !== "pass" || beyond.ok) return fail(`message ${limit + 1}: ${refused.detail}`);
    const longest = Math.max(...limits.data.windows.map((window) => window.windowSeconds));
    const wait = beyond.error.retryAfterSeconds ?? 0;
    if (wait < 1 || wait > longest) return fail(`the refusal asks to wait ${wait} s`);
    await gateway.resetLimits(to);
    const afterReset = await send();
    return afterReset.ok
      ? pass(`${limit} accepted, then ${refused.detail}`)
      : unexpected("after the reset", afterReset);
  },
};

const rateLimitRoute: Step = {
  name: "the MeStore API says what a number has used up",
  run: async (kit) => {
    const { auth, gateway } = kit;
    const to = await freshNumber(kit);
    const sent = await gateway.startVerification({ to, channel: "sms" });
    if (!sent.ok) return unexpected("start", sent);
    const answer = await auth.smsRateLimit(to);
    if (!answer.ok) return unexpected("GET /api/v1/sms/rate-limit", answer);
    const { current_count, limit, remaining } = answer.data;
    return current_count === 1 && remaining === limit - 1
      ? pass(`${current_count} of ${limit}`)
      : fail(`after one code it says ${current_count} of ${limit}, ${remaining} left`);
  },
};

export const LIMITS: Chapter = { title: "limits", isSending: true, steps: [cooldown, perNumber, rateLimitRoute] };
