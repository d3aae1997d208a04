import type { Contact } from "@mestore/sms-gateway-contract";
import type { Command } from "commander";
import type { Contacts } from "../../services/contacts.ts";
import {
  type CommandLine,
  type ConnectionOptions,
  connect,
  group,
  type OutputOptions,
  withConnection,
  withExamples,
  withJson,
} from "../command-line.ts";
import { type ContactRow, readContactFile } from "../contact-rows.ts";
import { reportAnswer } from "../failures.ts";
import type { Local } from "../local.ts";
import { facts, type Report, shown, table } from "../output.ts";

interface PutOptions extends ConnectionOptions {
  readonly phone?: string;
  readonly email?: string;
  readonly name?: string;
}

interface ImportOptions extends OutputOptions {
  readonly skipBad?: boolean;
  readonly tenant: string;
}

/** Rows that are written together share one commit. */
const BATCH_ROWS = 500;

const isVerified = (value: string | null, verified: boolean): string | null =>
  value === null ? null : `${value} (${verified ? "verified" : "not verified"})`;

const toText = (contact: Contact): string =>
  facts([
    ["sub", contact.sub],
    ["phone", isVerified(contact.phone, contact.phoneVerified)],
    ["e-mail", isVerified(contact.email, contact.emailVerified)],
    ["name", contact.name],
    ["updated", contact.updatedAt],
  ]);

async function putAll(contacts: Contacts, tenant: string, rows: readonly ContactRow[]): Promise<void> {
  for (let from = 0; from < rows.length; from += BATCH_ROWS) {
    const batch = rows.slice(from, from + BATCH_ROWS);
    await Promise.all(batch.map(({ sub, phone, email, name }) => contacts.put(tenant, sub, { phone, email, name })));
  }
}

async function importFile(local: Local, path: string, { skipBad = false, tenant }: ImportOptions): Promise<Report> {
  const content = local.readText(path);
  if (content.kind === "refused") return { kind: "refused", code: "file_unreadable", message: content.problem };
  return local.withContacts(async (contacts, allowedCountries) => {
    const file = readContactFile(content.text, allowedCountries);
    if (file.kind === "broken") {
      return { kind: "refused", code: "file_invalid", message: `${path}, line ${file.line}: ${file.problem}` };
    }
    const { rows, bad } = file;
    const isImported = bad.length === 0 || skipBad;
    if (isImported) await putAll(contacts, tenant, rows);
    const imported = isImported ? rows.length : 0;
    const summary = isImported
      ? `${imported} imported, ${bad.length} skipped`
      : `nothing imported: ${bad.length} bad of ${rows.length + bad.length}; mend them, or give --skip-bad`;
    const problems = table(bad.map(({ line, problem }) => [`line ${line}`, problem]));
    return shown({ imported, bad }, bad.length === 0 ? summary : `${problems}\n\n${summary}`, isImported);
  });
}

function addImport(contacts: Command, { local, finish }: CommandLine): void {
  const command = contacts
    .command("import <file>")
    .description("put every line of a CSV file; straight into the database, on the gateway's machine")
    .option("--skip-bad", "import the good lines although others are bad")
    .option("--tenant <name>", "whose contacts they are", "default");
  withExamples(
    withJson(command).action(async (path: string, options: ImportOptions) => {
      finish(await importFile(local, path, options), options);
    }),
    "sms-gateway contacts import users.csv",
    "sms-gateway contacts import users.csv --skip-bad --json",
  ).addHelpText("after", "\nThe first line names the columns: sub,phone,email,name. Empty means that there is none.");
}

export function addContacts(program: Command, line: CommandLine): void {
  const { local, finish } = line;
  const contacts = withExamples(
    group(program, "contacts", "say what the numbers and addresses of your users are"),
    'sms-gateway contacts put user-1 --phone "300 123 4567"',
    "sms-gateway contacts import users.csv",
  );

  withExamples(
    withConnection(
      contacts
        .command("put <sub>")
        .description("replace what is known of a user; what is not given is forgotten")
        .option("--phone <number>", "the user's phone")
        .option("--email <address>", "the user's e-mail")
        .option("--name <name>", "the user's name"),
    ).action(async (sub: string, options: PutOptions) => {
      const { gateway, url } = connect(local, options);
      const { phone = null, email = null, name = null } = options;
      finish(reportAnswer(await gateway.putContact(sub, { phone, email, name }), url, toText), options);
    }),
    'sms-gateway contacts put user-1 --phone "300 123 4567" --email ana@example.com --name Ana',
  );

  withExamples(
    withConnection(contacts.command("get <sub>").description("show what is known of a user")).action(
      async (sub: string, options: ConnectionOptions) => {
        const { gateway, url } = connect(local, options);
        finish(reportAnswer(await gateway.getContact(sub), url, toText), options);
      },
    ),
    "sms-gateway contacts get user-1",
  );

  withExamples(
    withConnection(contacts.command("delete <sub>").description("forget a user")).action(
      async (sub: string, options: ConnectionOptions) => {
        const { gateway, url } = connect(local, options);
        const deleted = await gateway.deleteContact(sub);
        const answer = deleted.ok ? { ...deleted, data: { sub, deleted: true } } : deleted;
        finish(
          reportAnswer(answer, url, () => `${sub} is forgotten`),
          options,
        );
      },
    ),
    "sms-gateway contacts delete user-1",
  );

  addImport(contacts, line);
}
