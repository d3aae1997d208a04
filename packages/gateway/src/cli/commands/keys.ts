import { SCOPES, Scope } from "@mestore/sms-gateway-contract";
import { type Command, InvalidArgumentError } from "commander";
import { type CommandLine, group, type OutputOptions, withExamples, withJson } from "../command-line.ts";
import { facts, shown, table } from "../output.ts";

interface CreateOptions extends OutputOptions {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly tenant?: string;
}

const instant = (at: number): string => new Date(at).toISOString();

const toScopes = (text: string): readonly Scope[] =>
  [...new Set(text.split(","))].map((name) => {
    const scope = Scope.safeParse(name.trim());
    if (!scope.success) throw new InvalidArgumentError(`The scopes are ${SCOPES.join(", ")}.`);
    return scope.data;
  });

const toTenant = (text: string): string => {
  if (/^[a-z0-9_-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError("It must be 1 to 64 of a-z, 0-9, _ and -.");
};

export function addKeys(program: Command, { local, finish }: CommandLine): void {
  const keys = withExamples(
    group(program, "keys", "make, list and revoke API keys; on the gateway's machine"),
    "sms-gateway keys create --name shop --scopes send,verify",
    "sms-gateway keys list",
  );

  withExamples(
    withJson(
      keys
        .command("create")
        .description("make a key; it is shown this once")
        .requiredOption("--name <name>", "what you will know it by")
        .requiredOption("--scopes <list>", `what it may do, of ${SCOPES.join(", ")}`, toScopes)
        .option("--tenant <name>", "whose verifications, messages and contacts it sees (default: default)", toTenant),
    ).action(async ({ name, scopes, tenant, ...options }: CreateOptions) => {
      const made = { name, scopes, ...(tenant === undefined ? {} : { tenant }) };
      const { key, secret } = await local.withKeys((service) => service.create(made));
      const text = facts([
        ["key", secret],
        ["id", key.id],
        ["name", key.name],
        ["tenant", key.tenant],
        ["scopes", key.scopes.join(", ")],
      ]);
      finish(
        shown(
          { ...key, createdAt: instant(key.createdAt), key: secret },
          `${text}\n\nKeep it now: it is not stored and not shown again.`,
        ),
        options,
      );
    }),
    "sms-gateway keys create --name shop --scopes send,verify",
    "sms-gateway keys create --name grafana --scopes read --json",
  );

  withExamples(
    withJson(keys.command("list").description("list the keys, never their secrets")).action(
      async (options: OutputOptions) => {
        const list = await local.withKeys((service) => service.list());
        const rows = list.map((key) => [
          key.id,
          key.name,
          key.tenant,
          key.scopes.join(","),
          instant(key.createdAt),
          key.revokedAt === null ? "" : instant(key.revokedAt),
        ]);
        const data = list.map((key) => ({
          ...key,
          createdAt: instant(key.createdAt),
          revokedAt: key.revokedAt === null ? null : instant(key.revokedAt),
        }));
        const text =
          list.length === 0
            ? "There are no keys yet; make one with: sms-gateway keys create"
            : table(rows, ["ID", "NAME", "TENANT", "SCOPES", "CREATED", "REVOKED"]);
        finish(shown({ keys: data }, text), options);
      },
    ),
    "sms-gateway keys list",
  );

  withExamples(
    withJson(keys.command("revoke <id>").description("end a key, in every process within five seconds")).action(
      async (id: string, options: OutputOptions) => {
        await local.withKeys((service) => service.revoke(id));
        finish(shown({ id, revoked: true }, `${id} is revoked`), options);
      },
    ),
    "sms-gateway keys revoke key_01JD",
  );
}
