import { spawn } from "node:child_process";

/**
 * Reads process ids, one a line; the last one counts, an empty one is none. When nobody is left to write, it stops that
 * process, gives it ten seconds (a zombie has ended), and removes the folder.
 */
const SCRIPT = `
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
  kill -s "$2" "$pid"
  tries=200
  while kill -0 "$pid" && ! grep -q ") Z" "/proc/$pid/stat" && [ $((tries -= 1)) -gt 0 ]; do sleep 0.05; done
fi
rm -rf "$1"
`;

export interface Watchdog {
  /** Says which process works in the folder now; `undefined` when it has ended. */
  watch(pid: number | undefined): void;
  /** Removes the folder and stops what works in it. */
  end(): void;
}

/**
 * Sees to it that a server and its folder do not outlive this process, however it ends: at Ctrl-C or `kill -9` none of our
 * handlers runs, but the other end of a pipe closes.
 *
 * @param signal what the server takes for "stop at once"
 */
export function startWatchdog(folder: string, signal: "QUIT" | "KILL"): Watchdog {
  const child = spawn("sh", ["-c", SCRIPT, "sh", folder, signal], {
    cwd: "/",
    stdio: ["pipe", "ignore", "ignore"],
    // A session of its own, out of reach of Ctrl-C.
    detached: true,
  });
  child.unref();
  return {
    watch: (pid) => void child.stdin.write(`${pid ?? ""}\n`),
    end: () => void child.stdin.end(),
  };
}
