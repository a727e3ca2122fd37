/**
 * A process that lives through lives() or jobLives() and sends itself a signal at a call of its file system that changes something:
 * `kill-child.js <state|job> <directory> <call> <before|amid|after> [<failpoint>@<count>|SIGSTOP]`, call -1 for never; the signal is
 * SIGKILL unless it is given. The failpoint is one of the binding's, set once so many checkpoints were announced. What it was told
 * goes line by line to `<directory>/told`.
 */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { isStateError } from "@tidemark/core";
import { NodeFileSystem } from "@tidemark/core/storage";
import { breakingFileSystem, type ChangingCall, type Moment } from "./breaking-file-system.js";
import { jobLives } from "./job-lives.js";
import { lives } from "./lives.js";

const [scenario = "", directory = "", call = "-1", moment = "before", extra = ""] = process.argv.slice(2);
const signal = extra === "SIGSTOP" ? extra : "SIGKILL";
const [failpointName, failpointAfter] = extra.split("@");
const told = join(directory, "told");
const tell = (fact: object): void => appendFileSync(told, `${JSON.stringify(fact)}\n`);

const end = (found: ChangingCall): void => {
  tell({ kind: "end", ...found });
  process.kill(process.pid, signal);
};
let announced = 0;
const armFailpoint = (): void => {
  if (failpointAfter !== undefined && announced === Number(failpointAfter)) process.env["TIDEMARK_FAILPOINT"] = failpointName;
};
const inner = new NodeFileSystem();
const { fileSystem } = breakingFileSystem(inner, Number(call), moment as Moment, end);
const onAnnounced = ({ id }: { readonly id: number }): void => {
  tell({ kind: "announced", id });
  announced += 1;
  armFailpoint();
};
armFailpoint();
try {
  if (scenario === "job") await jobLives({ directory, fileSystem }, onAnnounced);
  else await lives({ directory, fileSystem }, { announced: onAnnounced, subsumed: () => undefined });
  tell({ kind: "finished" });
} catch (error) {
  const known = isStateError(error);
  tell({ kind: "error", code: known ? error.code : "not a StateError", message: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
await inner.close();
