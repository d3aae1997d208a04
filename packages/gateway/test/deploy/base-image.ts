import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";

/** What takes the place of `node:24` here: the Node of these tests and the machine's npm, where anybody may run them. */
export interface BaseImage {
  /** Holds `node` and `npm`. */
  readonly binFolder: string;
  /** The machine's way to the registry: what Docker hands to a build as its predefined arguments, and npm's own. */
  readonly network: Readonly<Record<string, string>>;
}

const PASSED_ON = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "NODE_EXTRA_CA_CERTS",
];
const NPM_SETTINGS = ["registry", "cafile", "proxy", "https-proxy", "noproxy"];

/** The folder of the npm that runs these tests, or of the one on the `PATH`. */
function findNpm(env: NodeJS.ProcessEnv): string {
  const onPath = (env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "npm"));
  const found = [env["npm_execpath"] ?? "", ...onPath].find((file) => file !== "" && existsSync(file));
  if (found === undefined) throw new Error("npm is not on the PATH");
  return dirname(dirname(realpathSync(found)));
}

function readNetwork(env: NodeJS.ProcessEnv, npm: string): Readonly<Record<string, string>> {
  const listed = execFileSync(process.execPath, [join(npm, "bin/npm-cli.js"), "config", "list", "--json"], { env });
  const config = JSON.parse(String(listed)) as Readonly<Record<string, unknown>>;
  const fromNpm = NPM_SETTINGS.map((name) => [`npm_config_${name.replaceAll("-", "_")}`, config[name]] as const);
  const fromEnv = PASSED_ON.map((name) => [name, env[name]] as const);
  const given = [...fromNpm, ...fromEnv].filter(([, value]) => typeof value === "string" && value !== "");
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}

/** Lays `usr/local` out as the official image has it. Copies, because another user may not enter the folders of this one. */
export function createBaseImage(folder: string, env: NodeJS.ProcessEnv): BaseImage {
  const npm = findNpm(env);
  const binFolder = join(folder, "usr/local/bin");
  const npmFolder = join(folder, "usr/local/lib/node_modules/npm");
  mkdirSync(binFolder, { recursive: true });
  copyFileSync(process.execPath, join(binFolder, "node"));
  chmodSync(join(binFolder, "node"), 0o755);
  cpSync(npm, npmFolder, { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(binFolder, "npm"));
  return { binFolder, network: readNetwork(env, npm) };
}
