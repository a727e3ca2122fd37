import { spawnSync } from "node:child_process";
import { describeCommit, describeMachine } from "../machine.js";
import { describeBuild, ownSystems } from "../state/own-systems.js";
import type { Surroundings } from "./results.js";

/** What is measured here and now. */
export function surroundingsHere(): Surroundings {
  const java = javaVersion();
  return {
    commit: describeCommit(),
    machine: describeMachine(),
    buildOf: (systems) => {
      const own = systems.filter((system) => Object.hasOwn(ownSystems, system));
      // Without any of ours it is still Node that starts the others.
      const builds = (own.length === 0 ? ["memory"] : own).map(describeBuild);
      return [...new Set([...builds, ...(systems.some((system) => system.startsWith("flink-")) ? [java] : [])])].join("; ");
    },
  };
}

function javaVersion(): string {
  const { stderr } = spawnSync("java", ["-version"], { encoding: "utf8" });
  return /version "[^"]*"/u.exec(stderr ?? "")?.[0].replace("version", "java") ?? "no java";
}
