/** What a RUN, CMD or ENTRYPOINT starts: its arguments as they are, or a text for `/bin/sh -c`. */
export type Command =
  | { readonly form: "exec"; readonly args: readonly string[] }
  | { readonly form: "shell"; readonly text: string };

type Variables = Readonly<Record<string, string>>;

/** An instruction within a stage, variables already put in. */
export type Instruction =
  | { readonly name: "RUN" | "CMD" | "ENTRYPOINT"; readonly command: Command }
  | { readonly name: "HEALTHCHECK"; readonly command: Command; readonly timings: Variables }
  | { readonly name: "COPY"; readonly from?: string; readonly owner?: string; readonly paths: readonly string[] }
  | { readonly name: "ENV" | "LABEL"; readonly values: Variables }
  | { readonly name: "WORKDIR" | "USER"; readonly value: string }
  | { readonly name: "EXPOSE" | "VOLUME"; readonly values: readonly string[] };

export interface Stage {
  readonly image: string;
  readonly alias: string | null;
  readonly instructions: readonly Instruction[];
}

/** An instruction as it is written, comments and line breaks taken out. */
interface Statement {
  readonly keyword: string;
  readonly flags: Variables;
  readonly rest: string;
  readonly line: number;
}

const FLAGS: Readonly<Record<string, readonly string[]>> = {
  COPY: ["from", "chown"],
  HEALTHCHECK: ["interval", "timeout", "start-period", "retries"],
};

function readStatements(text: string): readonly Statement[] {
  const statements: Statement[] = [];
  let pending = "";
  let begunAt = 0;
  for (const [index, written] of text.split("\n").entries()) {
    if (/^\s*#\s*(escape|syntax|check)\s*=/i.test(written)) throw new Error(`line ${index + 1}: a parser directive`);
    if (/^\s*(#|$)/.test(written)) continue;
    if (pending === "") begunAt = index + 1;
    pending += written.trim();
    if (pending.endsWith("\\")) {
      pending = pending.slice(0, -1);
      continue;
    }
    statements.push(readStatement(pending, begunAt));
    pending = "";
  }
  if (pending !== "") throw new Error(`line ${begunAt}: no end`);
  return statements;
}

function readStatement(text: string, line: number): Statement {
  const [, keyword = "", flagText = "", rest = ""] = /^(\w+)((?:\s+--[\w-]+=\S+)*)(?:\s+(.*))?$/.exec(text) ?? [];
  const name = keyword.toUpperCase();
  const flags = Object.fromEntries(
    [...flagText.matchAll(/--([\w-]+)=(\S+)/g)].map(([, flag = "", value = ""]) => [flag, value]),
  );
  const unknown = Object.keys(flags).filter((flag) => !(FLAGS[name] ?? []).includes(flag));
  if (unknown.length > 0 || rest.startsWith("--")) throw new Error(`line ${line}: flags not known here: ${text}`);
  if (rest === "" || rest.includes("<<")) throw new Error(`line ${line}: cannot be read: ${text}`);
  return { keyword: name, flags, rest, line };
}

/** Puts variables in. @throws for one that nobody set, and for `${X:-default}` */
function substitute(text: string, variables: Variables): string {
  return text.replace(/\$(?:\{([^}]*)\}|(\w+))/g, (_, braced: string | undefined, bare: string | undefined) => {
    const name = braced ?? bare ?? "";
    const value = variables[name];
    if (value === undefined) throw new Error(`\${${name}} is not set`);
    return value;
  });
}

/** Words apart at spaces; a part in double quotes is one word. */
const readWords = (text: string): readonly string[] =>
  [...text.matchAll(/(?:"[^"\\]*"|[^\s"'\\])+|(\S)/g)].map(([word, stray]) => {
    if (stray !== undefined) throw new Error(`quotes and backslashes like these are not read here: ${text}`);
    return word.replaceAll('"', "");
  });

function readPairs(text: string): Variables {
  return Object.fromEntries(
    readWords(text).map((word) => {
      const at = word.indexOf("=");
      if (at < 1) throw new Error(`NAME=value is expected: ${text}`);
      return [word.slice(0, at), word.slice(at + 1)];
    }),
  );
}

const isTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((entry) => typeof entry === "string");

function readCommand(text: string): Command {
  if (!text.startsWith("[")) return { form: "shell", text };
  const args: unknown = JSON.parse(text);
  if (!isTexts(args)) throw new Error(`not an array of texts: ${text}`);
  return { form: "exec", args };
}

function readHealthcheck({ rest, flags }: Statement): Instruction {
  const [, command = ""] = /^CMD\s+(.+)$/.exec(rest) ?? [];
  return { name: "HEALTHCHECK", command: readCommand(command), timings: flags };
}

function readInstruction(statement: Statement, variables: Variables): Instruction {
  const { keyword, flags, rest, line } = statement;
  switch (keyword) {
    case "RUN":
    case "CMD":
    case "ENTRYPOINT":
      return { name: keyword, command: readCommand(rest) };
    case "HEALTHCHECK":
      return readHealthcheck(statement);
    case "COPY":
      return {
        name: keyword,
        paths: readWords(substitute(rest, variables)),
        ...(flags["from"] === undefined ? {} : { from: flags["from"] }),
        ...(flags["chown"] === undefined ? {} : { owner: flags["chown"] }),
      };
    case "ENV":
    case "LABEL":
      return { name: keyword, values: readPairs(substitute(rest, variables)) };
    case "WORKDIR":
    case "USER":
      return { name: keyword, value: substitute(rest, variables) };
    case "EXPOSE":
    case "VOLUME":
      return { name: keyword, values: readWords(substitute(rest, variables)) };
    default:
      throw new Error(`line ${line}: ${keyword} is not known here`);
  }
}

/**
 * Reads a Dockerfile: the part of the language that ours uses.
 *
 * @param args build arguments, which win over the defaults of `ARG`
 * @throws for everything else; an instruction that is not understood is never passed over
 */
export function parseDockerfile(text: string, args: Variables = {}): readonly Stage[] {
  const stages: { image: string; alias: string | null; instructions: Instruction[] }[] = [];
  /** Those before the first FROM count in FROM alone. */
  const outer: Record<string, string> = {};
  let inner: Record<string, string> = {};
  for (const statement of readStatements(text)) {
    const { keyword, rest, line } = statement;
    const stage = stages.at(-1);
    if (keyword === "ARG") {
      const [, name = "", fallback] = /^(\w+)(?:=(\S+))?$/.exec(rest) ?? [];
      const value = args[name] ?? fallback ?? outer[name];
      if (name === "" || value === undefined) throw new Error(`line ${line}: ARG without a value: ${rest}`);
      (stage === undefined ? outer : inner)[name] = value;
    } else if (keyword === "FROM") {
      const [, image, alias = null] = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(substitute(rest, outer)) ?? [];
      if (image === undefined) throw new Error(`line ${line}: cannot be read: ${rest}`);
      stages.push({ image, alias, instructions: [] });
      inner = {};
    } else {
      if (stage === undefined) throw new Error(`line ${line}: ${keyword} before FROM`);
      const instruction = readInstruction(statement, inner);
      if (instruction.name === "ENV") inner = { ...inner, ...instruction.values };
      stage.instructions.push(instruction);
    }
  }
  return stages;
}
