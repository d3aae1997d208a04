import { isAbsolute, resolve } from "node:path";
import { fileErrorCode } from "./given.ts";

export interface Files {
  /** Absolute; where a relative path starts. */
  readonly rootFolder: string;
  readonly readFile: (path: string) => string;
}

/** What a file that a variable names holds, or why nobody can say. */
export type FileText = { readonly text: string } | { readonly problem: string };

export function readFileText(path: string, { rootFolder, readFile }: Files): FileText {
  try {
    return { text: readFile(isAbsolute(path) ? path : resolve(rootFolder, path)) };
  } catch (error) {
    return { problem: `names a file that cannot be read (${fileErrorCode(error)})` };
  }
}
