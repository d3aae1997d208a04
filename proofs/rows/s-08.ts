import assert from "node:assert/strict";
import fc from "fast-check";
import { NO_LIMITS, onStage, phoneAt, type Stage } from "../harness/gateway.ts";
import type { Answer, Call } from "../harness/http.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const MINUTE_MS = 60_000;
const LIFE_MS = 10 * MINUTE_MS;
/** Ten digits, so that two codes are equal by chance once in ten thousand million cases. */
const ENVIRONMENT = { ...NO_LIMITS, OTP_LENGTH: "10" };
const AUTH = "/api/v1/auth";

/** What the generator chooses for one case. */
interface Choice {
  /** The place that is attacked has a live code of its own. */
  readonly hasDecoy: boolean;
  /** That code was sent before the one that is carried there. */
  readonly isDecoyFirst: boolean;
  readonly locale: "es" | "en";
  readonly ageMs: number;
  readonly lateByMs: 0 | 1;
}

interface Started {
  readonly id: string;
  readonly code: string;
}

/** One case, with names that no other case has. */
interface World {
  readonly stage: Stage;
  readonly choice: Choice;
  readonly phone: string;
  readonly otherPhone: string;
  readonly user: string;
  readonly otherUser: string;
  readonly email: string;
}

/** What a case came to: codes in the wrong place, and codes in their own, which shows that they were good. */
interface Tried {
  readonly misplaced: readonly Answer[];
  readonly inPlace: readonly Answer[];
}

type Case = (world: World) => Promise<Tried>;

async function startOnB({ stage, choice }: World, body: Record<string, string>, key = stage.key()): Promise<Started> {
  const sent = await stage.ask({
    path: "/v1/verifications",
    body: { channel: "sms", locale: choice.locale, ...body },
    headers: { ...key, prefer: "wait=10" },
  });
  assert.equal(sent.status, 201, sent.text);
  return { id: String(sent.body["id"]), code: stage.codeSentTo(String(body["to"])) };
}

const checkOnB = ({ stage }: World, { id, code }: Started, key = stage.key()): Promise<Answer> =>
  stage.ask({ path: `/v1/verifications/${id}/check`, body: { code }, headers: key });

async function sendOnA(
  { stage }: World,
  call: Omit<Call, "path"> & { readonly medium: "sms" | "email" },
): Promise<void> {
  const sent = await stage.ask({ ...call, path: `${AUTH}/send-verification-${call.medium}` });
  assert.equal(sent.status, 200, sent.text);
}

const verifyOnA = (
  { stage }: World,
  call: Omit<Call, "path"> & { readonly medium: "phone" | "email" },
): Promise<Answer> => stage.ask({ ...call, path: `${AUTH}/verify-${call.medium}-otp` });

/** Two verifications on B that differ as told: the code of the first is carried to the second. */
const between =
  (first: (world: World) => Record<string, string>, second: (world: World) => Record<string, string>): Case =>
  async (world) => {
    const { choice, stage } = world;
    const start = async (which: typeof first) => startOnB(world, which(world));
    const decoyFirst = choice.isDecoyFirst ? await start(second) : null;
    const own = await start(first);
    const decoy = decoyFirst ?? (await start(second));
    stage.advance(choice.ageMs);
    return {
      misplaced: [
        await checkOnB(world, { id: decoy.id, code: own.code }),
        await checkOnB(world, { id: own.id, code: decoy.code }),
      ],
      inPlace: [await checkOnB(world, own), await checkOnB(world, decoy)],
    };
  };

const CASES = {
  "code of another number": between(
    ({ phone }) => ({ to: phone }),
    ({ otherPhone }) => ({ to: otherPhone }),
  ),
  "code of the user's other number": between(
    ({ phone, user }) => ({ to: phone, subject: user }),
    ({ otherPhone, user }) => ({ to: otherPhone, subject: user }),
  ),
  "code of another purpose": between(
    ({ phone, user }) => ({ to: phone, subject: user, purpose: "login" }),
    ({ phone, user }) => ({ to: phone, subject: user, purpose: "payment" }),
  ),
  "code of another user of the number": between(
    ({ phone, user }) => ({ to: phone, subject: user }),
    ({ phone, otherUser }) => ({ to: phone, subject: otherUser }),
  ),

  "code of a user in the open flow": async (world) => {
    const { phone, user, choice, stage } = world;
    const own = await startOnB(world, { to: phone, subject: user });
    if (choice.hasDecoy) await sendOnA(world, { medium: "sms", body: { telefono: phone } });
    stage.advance(choice.ageMs);
    return {
      misplaced: [await verifyOnA(world, { medium: "phone", body: { telefono: phone, otp: own.code } })],
      inPlace: [await checkOnB(world, own)],
    };
  },

  "code of the open flow for a user": async (world) => {
    const { phone, user, choice, stage } = world;
    const headers = stage.user(user, { phone_number: phone });
    await sendOnA(world, { medium: "sms", body: { telefono: phone } });
    const code = stage.codeSentTo(phone);
    if (choice.hasDecoy) await sendOnA(world, { medium: "sms", body: { otp_type: "SMS" }, headers });
    stage.advance(choice.ageMs);
    return {
      misplaced: [await verifyOnA(world, { medium: "phone", body: { otp_code: code }, headers })],
      inPlace: [await verifyOnA(world, { medium: "phone", body: { telefono: phone, otp: code } })],
    };
  },

  "e-mail code on the phone and back": async (world) => {
    const { phone, email, user, choice, stage } = world;
    const headers = stage.user(user, { phone_number: phone, email });
    const sendSms = () => sendOnA(world, { medium: "sms", body: { otp_type: "SMS" }, headers });
    const sendEmail = () => sendOnA(world, { medium: "email", body: { otp_type: "EMAIL" }, headers });
    for (const send of choice.isDecoyFirst ? [sendEmail, sendSms] : [sendSms, sendEmail]) await send();
    const inbox = await stage.ask({ method: "GET", path: `/v1/inbox/wait?to=${encodeURIComponent(email)}` });
    const emailCode = String(inbox.body["code"]);
    const phoneCode = stage.codeSentTo(phone);
    stage.advance(choice.ageMs);
    const verify = (medium: "phone" | "email", code: string) =>
      verifyOnA(world, { medium, body: { otp_code: code }, headers });
    return {
      misplaced: [await verify("phone", emailCode), await verify("email", phoneCode)],
      inPlace: [await verify("phone", phoneCode), await verify("email", emailCode)],
    };
  },

  "number changed between send and check": async (world) => {
    const { phone, otherPhone, user, choice, stage } = world;
    const headers = stage.user(user);
    const put = async (number: string): Promise<void> => {
      const path = `/v1/contacts/${user}`;
      const answer = await stage.ask({ method: "PUT", path, body: { phone: number }, headers: stage.key() });
      assert.equal(answer.status, 200, answer.text);
    };
    const send = () => sendOnA(world, { medium: "sms", body: { otp_type: "SMS" }, headers });
    const verify = (code: string) => verifyOnA(world, { medium: "phone", body: { otp_code: code }, headers });
    await put(phone);
    await send();
    const code = stage.codeSentTo(phone);
    await put(otherPhone);
    if (choice.hasDecoy) await send();
    stage.advance(choice.ageMs);
    const misplaced = [await verify(code)];
    await put(phone);
    return { misplaced, inPlace: [await verify(code)] };
  },

  "expired, by a millisecond at most": async (world) => {
    const { phone, otherPhone, choice, stage } = world;
    const expiring = await startOnB(world, { to: phone });
    const inTime = await startOnB(world, { to: otherPhone });
    stage.advance(LIFE_MS - 1);
    const inPlace = [await checkOnB(world, inTime)];
    stage.advance(1 + choice.lateByMs);
    return { misplaced: [await checkOnB(world, expiring)], inPlace };
  },

  "another tenant": async (world) => {
    const { phone, user, choice, stage } = world;
    const body = { to: phone, subject: user };
    const other = stage.otherTenantKey();
    const decoyFirst = choice.isDecoyFirst ? await startOnB(world, body, other) : null;
    const own = await startOnB(world, body);
    const decoy = decoyFirst ?? (await startOnB(world, body, other));
    stage.advance(choice.ageMs);
    return {
      misplaced: [
        await checkOnB(world, own, other),
        await checkOnB(world, { id: decoy.id, code: own.code }, other),
        await checkOnB(world, { id: own.id, code: decoy.code }),
      ],
      inPlace: [await checkOnB(world, own), await checkOnB(world, decoy, other)],
    };
  },

  "replaced by a newer code": async (world) => {
    const { phone, choice, stage } = world;
    const old = await startOnB(world, { to: phone });
    if (choice.hasDecoy) await stage.ask({ path: `/v1/verifications/${old.id}/cancel`, headers: stage.key() });
    else stage.advance(LIFE_MS - MINUTE_MS + 1);
    stage.advance(choice.lateByMs);
    const next = await startOnB(world, { to: phone });
    assert.notEqual(next.id, old.id, "a new verification");
    return {
      misplaced: [await checkOnB(world, old), await checkOnB(world, { id: next.id, code: old.code })],
      inPlace: [await checkOnB(world, next)],
    };
  },
} as const satisfies Record<string, Case>;

type Kind = keyof typeof CASES;
const KINDS = Object.keys(CASES) as readonly Kind[];

const choices = fc.record({
  kind: fc.constantFrom(...KINDS),
  hasDecoy: fc.boolean(),
  isDecoyFirst: fc.boolean(),
  locale: fc.constantFrom("es" as const, "en" as const),
  ageMs: fc.integer({ min: 0, max: 5_000 }),
  lateByMs: fc.constantFrom(0 as const, 1 as const),
});

const toWorld = (stage: Stage, choice: Choice, index: number): World => ({
  stage,
  choice,
  phone: phoneAt(2 * index),
  otherPhone: phoneAt(2 * index + 1),
  user: `user-${index}`,
  otherUser: `other-${index}`,
  email: `person-${index}@shop.example`,
});

async function run(options: RowOptions): Promise<Figures> {
  const { size, report } = options;
  const numRuns = size === "full" ? 10_000 : 150;
  return onStage({ ...options, env: ENVIRONMENT }, async (stage) => {
    let index = 0;
    let misplacedCodes = 0;
    let approved = 0;
    const seen = new Set<Kind>();
    const property = fc.asyncProperty(choices, async ({ kind, ...choice }) => {
      const { misplaced, inPlace } = await CASES[kind](toWorld(stage, choice, index++));
      for (const answer of misplaced) {
        assert.ok(answer.status >= 400 && answer.status < 500, `${kind}: ${answer.status} ${answer.text}`);
      }
      for (const answer of inPlace) assert.equal(answer.status, 200, `${kind}, in its own place: ${answer.text}`);
      misplacedCodes += misplaced.length;
      approved += inPlace.length;
      seen.add(kind);
      if (index % 1_000 === 0) report(`${index} cases`);
    });
    await fc.assert(property, { numRuns, endOnFailure: true });
    assert.equal(seen.size, KINDS.length, "every kind of case was generated");
    const events = await stage.rows.count("select count(*) from events where type = 'verification.approved'");
    assert.equal(events, approved, "approvals in the database are those of codes in their own place");
    return { cases: numRuns, kinds: KINDS.length, "codes in the wrong place": misplacedCodes, accepted: 0 };
  });
}

export const s08: Row = {
  id: "S-08",
  title: "A code works for its own verification, purpose, user, address, tenant and time alone",
  target: "0 of 10,000 generated cases are accepted in the wrong place; each code is accepted in its own",
  engines: ["sqlite", "postgres"],
  run,
  mutation: {
    why: "A live verification is looked up without its subject.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/sqlite/verifications.ts",
        find: "and purpose = ? and subject = ?",
        replace: "and purpose = ? and (subject = ? or 1)",
        engines: ["sqlite"],
      },
      {
        file: "packages/gateway/src/adapters/stores/postgres/starts.ts",
        find: "and v.purpose = n.purpose and v.subject = n.subject",
        replace: "and v.purpose = n.purpose",
        engines: ["postgres"],
      },
    ],
  },
};
