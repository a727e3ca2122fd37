import { totalmem } from "node:os";
import { getHeapSpaceStatistics, getHeapStatistics } from "node:v8";
import { resourceLimits } from "node:worker_threads";
import type { MemoryUse } from "./memory-guard.js";

const mebibyte = 2 ** 20;

/** V8's default for --max-semi-space-size; the young generation has three of these. */
const defaultSemiSpaceMiB = 16;

/** Spaces that are not part of the old generation, whose limit state reaches. */
const otherSpaces: ReadonlySet<string> = new Set(["read_only_space", "new_space", "new_large_object_space"]);

/** The heap and the whole memory of this process. Takes some 20 microseconds. */
export function processMemory(): readonly MemoryUse[] {
  return [
    {
      name: "JavaScript heap",
      usedBytes: oldGenerationBytes(),
      limitBytes: getHeapStatistics().heap_size_limit - youngGenerationBytes,
      advice: "give node more with --max-old-space-size",
    },
    {
      name: "memory of the process",
      usedBytes: process.memoryUsage.rss(),
      limitBytes: processLimitBytes(),
      advice: "give the container or machine more memory",
    },
  ];
}

function oldGenerationBytes(): number {
  let usedBytes = 0;
  for (const space of getHeapSpaceStatistics()) if (!otherSpaces.has(space.space_name)) usedBytes += space.space_used_size;
  return usedBytes;
}

/** What of heap_size_limit is not for the old generation. It is fixed when the process or worker starts. */
const youngGenerationBytes = (resourceLimits.maxYoungGenerationSizeMb ?? 3 * semiSpaceMiB()) * mebibyte;

function semiSpaceMiB(): number {
  const given = [process.env["NODE_OPTIONS"] ?? "", ...process.execArgv].join(" ");
  // The last one counts.
  const sizes = [...given.matchAll(/--max[-_]semi[-_]space[-_]size[= ](\d+)/g)];
  return Number(sizes.at(-1)?.[1] ?? 0) || defaultSemiSpaceMiB;
}

/** The limit of the container, or what the machine has. Without a limit node says 0 or more than any machine has. */
function processLimitBytes(): number {
  const constrainedBytes = process.constrainedMemory() ?? 0;
  return constrainedBytes > 0 ? Math.min(constrainedBytes, totalmem()) : totalmem();
}
