import type { Span } from "./recording.ts";

/** The parts of a V8 CPU profile that are read. @see https://chromedevtools.github.io/devtools-protocol/v8/Profiler */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Time that functions themselves took, without those they called. */
export interface Cost {
  readonly name: string;
  readonly microseconds: number;
}

export interface CostGroup extends Cost {
  /** Largest first. */
  readonly functions: readonly Cost[];
}

interface Frame {
  readonly name: string;
  readonly url: string;
  readonly line: number;
  readonly parent: Frame | null;
}

const IDLE = "(idle)";
/** The two files that call SQLite; its own time is counted as theirs. */
const STATEMENTS = "/stores/sqlite/statement.ts";
const COMMITS = "/stores/sqlite/writer.ts";
const PACKAGE = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*\/node_modules\/)/;
const OURS = /\/packages\/([^/]+)\/src\/(.+)$/;
const CRYPTO = /^node:internal\/crypto\//;
const HTTP = /^node:(_http|http|net|internal\/(http|net|stream|streams|js_stream|buffer)|stream|events|buffer)/;

const shortPath = (url: string): string => OURS.exec(url)?.[2] ?? PACKAGE.exec(url)?.[1] ?? url;

const nameOf = ({ name, url, line }: Frame): string =>
  url === "" ? name : `${name === "" ? "(anonymous)" : name} ${shortPath(url)}:${line + 1}`;

const isSqlite = ({ url }: Frame): boolean => url.endsWith(STATEMENTS) || url.endsWith(COMMITS);

function groupOf(frame: Frame): string {
  const { name, url, parent } = frame;
  if (name === "(garbage collector)") return "garbage collection";
  if (isSqlite(frame)) return "SQLite";
  if (url === "") return name.startsWith("(") || parent === null ? "native code outside JavaScript" : groupOf(parent);
  const npm = PACKAGE.exec(url)?.[1];
  if (npm !== undefined) return npm;
  const ours = OURS.exec(url);
  if (ours !== null) return `our code: ${ours[1]}/${ours[2]}`;
  if (CRYPTO.test(url)) return "node:crypto";
  if (HTTP.test(url)) return "node:http, sockets and streams";
  if (/timers/.test(url)) return "node: timers";
  return url.startsWith("node:") ? "node: promises, ticks and the rest" : url;
}

/** A statement is named after the code that runs it; what the writer does itself is begin and commit. */
function functionOf(frame: Frame): string {
  if (frame.url.endsWith(COMMITS)) return `begin and commit, ${nameOf(frame)}`;
  if (!frame.url.endsWith(STATEMENTS) || frame.parent === null) return nameOf(frame);
  return `${frame.name} by ${nameOf(frame.parent)}`;
}

function toFrames({ nodes }: CpuProfile): ReadonlyMap<number, Frame> {
  const parentOf = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const frames = new Map<number, Frame>();
  const frameOf = (id: number): Frame => {
    const known = frames.get(id);
    if (known !== undefined) return known;
    const node = byId.get(id);
    if (node === undefined) throw new Error("a profile without that node");
    const { functionName: name, url, lineNumber: line } = node.callFrame;
    const parent = parentOf.get(id);
    const frame = { name, url, line, parent: parent === undefined ? null : frameOf(parent) };
    frames.set(id, frame);
    return frame;
  };
  for (const { id } of nodes) frameOf(id);
  return frames;
}

const bySize = (a: Cost, b: Cost): number => b.microseconds - a.microseconds;

/** Groups the self time of one span of a profile; time without work is left out. */
export function groupCosts(json: string, span: Span): readonly CostGroup[] {
  const profile = JSON.parse(json) as CpuProfile;
  const frames = toFrames(profile);
  const groups = new Map<string, Map<string, number>>();
  let at = profile.startTime;
  profile.samples.forEach((id, i) => {
    at += profile.timeDeltas[i] ?? 0;
    // A sample stands for the time until the next one.
    const microseconds = Math.max(0, profile.timeDeltas[i + 1] ?? 0);
    const frame = frames.get(id);
    if (frame === undefined || frame.name === IDLE || at < span.fromMicroseconds || at > span.toMicroseconds) return;
    const functions = groups.get(groupOf(frame)) ?? new Map<string, number>();
    const name = functionOf(frame);
    functions.set(name, (functions.get(name) ?? 0) + microseconds);
    groups.set(groupOf(frame), functions);
  });
  return [...groups]
    .map(([name, functions]) => {
      const costs = [...functions].map(([label, microseconds]) => ({ name: label, microseconds })).sort(bySize);
      return { name, microseconds: costs.reduce((sum, cost) => sum + cost.microseconds, 0), functions: costs };
    })
    .sort(bySize);
}
