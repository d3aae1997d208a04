import assert from "node:assert/strict";
import { Agent } from "node:http";
import { type Cluster, onCluster } from "../harness/cluster.ts";
import { createCodeSeeker } from "../harness/cluster-load.ts";
import { openSql, type Sql } from "../harness/cluster-sql.ts";
import { inParallel, NO_LIMITS, phoneAt, wrongCode } from "../harness/gateway.ts";
import { type Answer, type Ask, type Call, createAsk } from "../harness/http.ts";
import type { Figures, Row, RowOptions } from "../row.ts";

const WIDTH = 8;

interface Scene {
  readonly ask: Ask;
  readonly key: Cluster["key"];
  readonly sql: Sql;
  readonly codeOf: (number: string) => Promise<string>;
  readonly seen: Map<string, number>;
}

/** A change, what its answer says, and the statement that finds it; one row with `true` in it. */
interface Change {
  readonly name: string;
  readonly call: Call;
  readonly status: number;
  readonly isThere: (answer: Answer) => readonly [sql: string, ...values: readonly unknown[]];
}

/** Asks for a change, and looks for it at once over another connection. */
async function change({ ask, sql, seen }: Scene, { name, call, status, isThere }: Change): Promise<Answer> {
  const answer = await ask(call);
  assert.equal(answer.status, status, `${name}: ${answer.text}`);
  const [statement, ...values] = isThere(answer);
  const found = await sql.all<{ readonly is_there: boolean }>(statement, values);
  assert.deepEqual(found, [{ is_there: true }], `${name} was acknowledged and cannot be read`);
  seen.set(name, (seen.get(name) ?? 0) + 1);
  return answer;
}

const idOf = ({ body }: Answer): string => String(body["id"]);
const messageIdOf = ({ body }: Answer): string => {
  const message = body["message"];
  return typeof message === "object" && message !== null && "id" in message ? String(message.id) : "";
};

/** The life of a verification: begun, sent again, guessed wrong, guessed right or given up. */
async function verify(scene: Scene, turn: number): Promise<void> {
  const to = phoneAt(turn);
  const headers = scene.key();
  const subject = `user-${turn}`;
  const begin = (sends: number): Change => ({
    name: sends === 1 ? "verification begun" : "code sent again",
    call: {
      path: "/v1/verifications",
      body: { to, channel: "sms", subject },
      headers: { ...headers, "idempotency-key": `begin-${turn}-${sends}` },
    },
    status: 201,
    isThere: (answer) => [
      `select v.status = 'pending' and v.sends >= $2 and m.verification_id = v.id
         and exists (select from sends s where s.message_id = m.id)
         and (select count(*) from idempotency where status = 201 and body like '%' || m.id || '%') = 1 as is_there
       from verifications v, messages m where v.id = $1 and m.id = $3`,
      ...[idOf(answer), sends, messageIdOf(answer)],
    ],
  });
  await change(scene, {
    name: "contact put",
    call: { method: "PUT", path: `/v1/contacts/${subject}`, body: { phone: to }, headers },
    status: 200,
    isThere: () => ["select phone = $2 as is_there from contacts where sub = $1", subject, to],
  });
  const id = idOf(await change(scene, begin(1)));
  await change(scene, begin(2));
  const code = await scene.codeOf(to);
  const path = `/v1/verifications/${id}/check`;
  await change(scene, {
    name: "wrong guess counted",
    call: { path, body: { code: wrongCode(code, 1) }, headers },
    status: 400,
    isThere: () => [
      `select attempts = 1 and exists (select from guesses where verification_id = $1) as is_there
       from verifications where id = $1`,
      id,
    ],
  });
  if (turn % 2 === 0) {
    await change(scene, {
      name: "verification canceled",
      call: { path: `/v1/verifications/${id}/cancel`, headers },
      status: 200,
      isThere: () => ["select status = 'canceled' as is_there from verifications where id = $1", id],
    });
    return;
  }
  await change(scene, {
    name: "verification approved",
    call: { path, body: { code }, headers },
    status: 200,
    isThere: () => [
      `select v.status = 'approved' and c.phone_verified_at is not null as is_there
       from verifications v join contacts c on c.sub = v.subject where v.id = $1`,
      id,
    ],
  });
}

/** What else is acknowledged: notifications, limits that are forgotten, contacts, pauses. */
async function operate(scene: Scene, turn: number): Promise<void> {
  const to = phoneAt(turn);
  const headers = scene.key();
  await change(scene, {
    name: "notification taken",
    call: { path: "/v1/messages", body: { to, category: "transactional", text: `Pedido ${turn}` }, headers },
    status: 202,
    isThere: (answer) => ["select to_address = $2 as is_there from messages where id = $1", idOf(answer), to],
  });
  await change(scene, {
    name: "limits forgotten",
    call: { method: "DELETE", path: `/v1/limits/${encodeURIComponent(to)}`, headers },
    status: 204,
    isThere: () => [
      "select not exists (select from sends where key = $1) and not exists (select from guesses where address = $1) as is_there",
      to,
    ],
  });
  const lane = "notification";
  const country = ["EC", "PE", "MX", "AR", "CL", "BR", "UY", "BO"][turn % WIDTH] ?? "PA";
  const paused = "exists (select from pauses where lane = $1 and country = $2)";
  await change(scene, {
    name: "pause",
    call: { method: "PUT", path: "/v1/pauses", body: { lane, country }, headers },
    status: 200,
    isThere: () => [`select ${paused} as is_there`, lane, country],
  });
  await change(scene, {
    name: "pause ended",
    call: { method: "DELETE", path: "/v1/pauses", body: { lane, country }, headers },
    status: 200,
    isThere: () => [`select not ${paused} as is_there`, lane, country],
  });
  await change(scene, {
    name: "contact forgotten",
    call: { method: "DELETE", path: `/v1/contacts/user-${turn}`, headers },
    status: 204,
    isThere: () => ["select not exists (select from contacts where sub = $1) as is_there", `user-${turn}`],
  });
}

async function run({ size, engine, report }: RowOptions): Promise<Figures> {
  if (engine === "sqlite") throw new Error("this row reads over a server");
  const lives = size === "full" ? 3_000 : 24;
  return onCluster({ engine, env: NO_LIMITS, workers: 1 }, async (cluster) => {
    const agent = new Agent({ keepAlive: true });
    const sql = await openSql(cluster.postgres.url, WIDTH);
    let next = 0;
    const scene: Scene = {
      ask: createAsk(() => cluster.urls()[next++ % cluster.apis.length] ?? "", agent),
      key: cluster.key,
      sql,
      codeOf: createCodeSeeker(cluster),
      seen: new Map(),
    };
    try {
      const lanes = Array.from({ length: WIDTH }, (_, lane) => lane);
      // A lane takes the turns that leave its own rest, so that no two pause one country.
      await inParallel(lanes, WIDTH, async (lane) => {
        for (let turn = lane; turn < lives; turn += WIDTH) {
          await verify(scene, turn);
          await operate(scene, turn);
          if (turn % 500 === 0) report(`${turn} lives`);
        }
      });
    } finally {
      agent.destroy();
      await sql.close();
    }
    const total = [...scene.seen.values()].reduce((sum, count) => sum + count, 0);
    return { "acknowledged changes": total, "read at once": total, kinds: scene.seen.size };
  });
}

export const r01: Row = {
  id: "R-01",
  title: "Every acknowledged change is read again at once, over another connection",
  target: "100 % are there",
  engines: ["postgres", "postgres+redis"],
  hasFaults: true,
  run,
  mutation: {
    why: "The cancellation of a verification is not waited for.",
    edits: [
      {
        file: "packages/gateway/src/adapters/stores/postgres/verifications.ts",
        find: 'await transaction.commit();\n      return { ...verification, status: "canceled", endedAt: now };',
        replace:
          'setTimeout(() => void transaction.commit().catch(() => undefined), 20);\n      return { ...verification, status: "canceled", endedAt: now };',
      },
    ],
  },
};
