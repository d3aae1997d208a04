import assert from "node:assert/strict";
import type { Fault } from "../../packages/gateway/test/carrier/faults.ts";
import { onStage, phoneAt, type Stage, wrongCode } from "../harness/gateway.ts";
import type { Answer } from "../harness/http.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const COOLDOWN_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Small limits, so that each dimension refuses after few sends. */
const ENVIRONMENT = {
  SMS_RATE_LIMIT_PER_NUMBER: "3",
  SMS_RATE_LIMIT_PER_SUBJECT: "2",
  SMS_RATE_LIMIT_PER_CLIENT: "2",
  SMS_RATE_LIMIT_PER_BLOCK: "5",
  SMS_TRY_LIMIT_PER_NUMBER: "4",
  SMS_RATE_LIMIT_GLOBAL: "100000",
};

/** One person with a live code, about to be refused. */
interface Scene {
  readonly stage: Stage;
  readonly number: string;
  readonly body: Readonly<Record<string, string>>;
  readonly send: (
    body?: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>;
}

interface Reason {
  readonly name: string;
  /** Error that the refused send is answered with. */
  readonly code: string;
  readonly body?: (index: number) => Readonly<Record<string, string>>;
  /** Brings the world to where the next send is refused; the code is live before and after. */
  readonly prepare?: (scene: Scene) => Promise<void>;
  readonly refuse?: (scene: Scene) => Promise<Answer>;
  /** Brings the world back, so that the code can be checked. */
  readonly mend?: (scene: Scene) => Promise<void>;
  /** The carrier refused, so nothing but a try was spent and the next send is free at once. */
  readonly isNextFree?: boolean;
}

async function accept({ send }: Scene, body?: Readonly<Record<string, string>>): Promise<void> {
  const sent = await send(body);
  assert.equal(sent.status, 201, sent.text);
}

const carrierRefuses = (fault: Fault, code: string, name: string): Reason => ({
  name,
  code,
  prepare: async ({ stage, number }) => {
    stage.advance(COOLDOWN_MS);
    stage.carrier.behave(fault, { to: number });
  },
  mend: async ({ stage }) => stage.carrier.heal(),
  isNextFree: true,
});

/**
 * Each attempt comes when the one before has ended; time stands still until then. Attempts are counted in the row: behind
 * an open breaker (half of a worker's calls fail here) the carrier hears nothing of them.
 */
const carrierFails = (fault: Fault, name: string): Reason => ({
  ...carrierRefuses(fault, "delivery_failed", name),
  refuse: async ({ stage, number, send }) => {
    const answer = send();
    // Where an attempt is waited for in vain, that is the error to tell, and not the answer which then never comes.
    answer.catch(() => undefined);
    for (const [index, waitMs] of [300, 1_000].entries()) {
      const attempts = index + 1;
      const isPlanned = async () =>
        (await stage.rows.count(
          "select count(*) from messages where to_address = ? and state = 'queued' and attempts = ?",
          number,
          attempts,
        )) === 1;
      await until(isPlanned, `attempt ${attempts} ends, and the next one is planned`);
      stage.advance(waitMs);
    }
    return answer;
  },
});

async function until(isTrue: () => Promise<boolean>, what: string): Promise<void> {
  for (let patience = 2_000; patience > 0; patience--) {
    if (await isTrue()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`waited in vain: ${what}`);
}

/** A process learns within half a second what another one was told. */
const everybodyHasHeard = async ({ urls }: Stage): Promise<void> => {
  if (urls().length > 1) await new Promise((resolve) => setTimeout(resolve, 1_000));
};

const REFUSALS: readonly (readonly [vendorCode: number, code: string])[] = [
  [21211, "phone_invalid"],
  [21408, "country_not_allowed"],
  [21606, "delivery_failed"],
  [21610, "opted_out"],
  [21612, "channel_unavailable"],
  [21614, "phone_landline"],
];

const REASONS: readonly Reason[] = [
  { name: "cool-down", code: "cooldown", prepare: async ({ stage }) => stage.advance(1_000) },
  {
    name: "sends per number",
    code: "rate_limited",
    prepare: async (scene) => {
      for (let i = 0; i < 2; i++) {
        scene.stage.advance(COOLDOWN_MS);
        await accept(scene);
      }
      scene.stage.advance(COOLDOWN_MS);
    },
  },
  {
    name: "sends per subject",
    code: "rate_limited",
    body: (index) => ({ subject: `subject-${index}` }),
    prepare: async (scene) => {
      scene.stage.advance(COOLDOWN_MS);
      await accept(scene);
      scene.stage.advance(COOLDOWN_MS);
    },
  },
  {
    name: "sends per client address",
    code: "rate_limited",
    body: (index) => ({ clientAddress: `203.0.${index >> 8}.${index & 255}` }),
    prepare: async (scene) => {
      scene.stage.advance(COOLDOWN_MS);
      await accept(scene);
      scene.stage.advance(COOLDOWN_MS);
    },
  },
  {
    name: "sends per block",
    code: "rate_limited",
    prepare: async (scene) => {
      const last = Number(scene.number.slice(-4));
      for (let i = 1; i < 5; i++) {
        await accept(scene, { to: `${scene.number.slice(0, -4)}${String(last + 5_000 + i).padStart(4, "0")}` });
      }
      scene.stage.advance(COOLDOWN_MS);
    },
  },
  {
    name: "tries per number",
    code: "rate_limited",
    prepare: async (scene) => {
      scene.stage.advance(COOLDOWN_MS);
      scene.stage.carrier.behave({ kind: "refuse", code: 21612 }, { to: scene.number });
      for (let i = 0; i < 3; i++) assert.equal((await scene.send()).body["code"], "channel_unavailable");
      scene.stage.carrier.heal();
    },
  },
  {
    name: "wait after wrong guesses",
    code: "too_many_failures",
    prepare: async (scene) => {
      const { stage, number, body } = scene;
      stage.advance(COOLDOWN_MS);
      const sent = await scene.send({ ...body, purpose: "other" });
      assert.equal(sent.status, 201, sent.text);
      const code = stage.codeSentTo(number);
      for (let i = 1; i <= 5; i++) {
        const path = `/v1/verifications/${sent.body["id"]}/check`;
        await stage.ask({ path, body: { code: wrongCode(code, i) }, headers: stage.key() });
      }
    },
    mend: async ({ stage }) => stage.advance(COOLDOWN_MS),
  },
  {
    name: "sending is paused",
    code: "sms_disabled",
    prepare: async ({ stage }) => {
      stage.advance(COOLDOWN_MS);
      const paused = await stage.ask({ method: "PUT", path: "/v1/pauses", body: {}, headers: stage.key() });
      assert.equal(paused.status < 300, true, paused.text);
      await everybodyHasHeard(stage);
    },
    mend: async ({ stage }) => {
      await stage.ask({ method: "DELETE", path: "/v1/pauses", body: {}, headers: stage.key() });
      await everybodyHasHeard(stage);
    },
  },
  { name: "unknown field", code: "fields_invalid", refuse: ({ send, number }) => send({ to: number, extra: "1" }) },
  ...REFUSALS.map(([vendorCode, code]) =>
    carrierRefuses({ kind: "refuse", code: vendorCode }, code, `the carrier refuses: ${code}`),
  ),
  carrierFails({ kind: "throttle" }, "the carrier is throttled to the end"),
  carrierFails({ kind: "status", status: 503 }, "the carrier is down to the end"),
];

async function play(stage: Stage, reason: Reason, index: number): Promise<void> {
  const { ask, key, rows } = stage;
  const number = phoneAt(index);
  const own = { to: number, ...reason.body?.(index) };
  const send: Scene["send"] = (body = own, headers = {}) =>
    ask({
      path: "/v1/verifications",
      body: { channel: "sms", ...own, ...body },
      headers: { ...key(), prefer: "wait=10", ...headers },
    });
  const scene: Scene = { stage, number, body: own, send };
  const readLimits = async () => (await ask({ method: "GET", path: `/v1/limits/${number}`, headers: key() })).body;
  const liveCodes = () => rows.count("select count(*) from verifications where address = ?", number);

  const started = await send();
  assert.equal(started.status, 201, started.text);
  const code = stage.codeSentTo(number);
  await reason.prepare?.(scene);
  const at = stage.now();
  const before = { limits: await readLimits(), live: await liveCodes() };
  const refused = await (reason.refuse?.(scene) ?? send());
  const isInstant = stage.now() === at;
  assert.equal(refused.body["code"], reason.code, refused.text);
  const after = { limits: await readLimits(), live: await liveCodes() };
  if (isInstant) assert.deepEqual(after, before, "limits and cool-down are unchanged");
  await reason.mend?.(scene);
  if (reason.isNextFree === true) {
    const next = await send();
    assert.equal(next.status, 201, `the next send is free at once: ${next.text}`);
    assert.equal(next.body["id"], started.body["id"], "the same verification goes on");
    assert.equal(stage.codeSentTo(number), code, "with the same code");
  }
  const path = `/v1/verifications/${started.body["id"]}/check`;
  const checked = await ask({ path, body: { code }, headers: key() });
  assert.equal(checked.status, 200, `the old code still works: ${checked.text}`);
  // The wait of one scene must not be the limit of the next one.
  stage.advance(HOUR_MS);
}

/** The budget of all numbers together refuses everybody, so it has a stage of its own. */
async function playGlobal(options: RowOptions): Promise<void> {
  await onStage({ ...options, env: { SMS_RATE_LIMIT_GLOBAL: "1" } }, async (stage) => {
    const reason: Reason = {
      name: "sends of all numbers",
      code: "rate_limited",
      prepare: async ({ stage: { advance } }) => advance(COOLDOWN_MS),
    };
    await play(stage, reason, 1);
  });
}

async function run(options: RowOptions): Promise<Figures> {
  const { size, report } = options;
  const rounds = size === "full" ? 20 : 1;
  await onStage({ ...options, env: ENVIRONMENT }, async (stage) => {
    for (let round = 0; round < rounds; round++) {
      for (const [i, reason] of REASONS.entries()) {
        try {
          await play(stage, reason, round * REASONS.length + i);
        } catch (error) {
          if (error instanceof Error) error.message = `${reason.name}: ${error.message}`;
          throw error;
        }
      }
      report(`round ${round + 1} of ${rounds}`);
    }
  });
  await playGlobal(options);
  return {
    reasons: REASONS.length + 1,
    "refused sends": rounds * REASONS.length + 1,
    "old codes that still worked": rounds * REASONS.length + 1,
  };
}

export const s09: Row = {
  id: "S-09",
  title: "A send that is refused, for each reason, while a code is live",
  target: "the old code still works and the cool-down is unchanged",
  engines: ["sqlite", "postgres"],
  run,
  mutation: {
    why: "The send is charged before the carrier's answer and not given back when the carrier refuses.",
    edits: [
      {
        file: "packages/gateway/src/domain/delivery.ts",
        find: "giveBack: !mayHaveLeft,",
        replace: "giveBack: false,",
      },
    ],
  },
};
