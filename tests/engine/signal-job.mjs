// A job that never ends by itself, for signals.test.ts: says "running" once it has processed records.
import { job, int64, string, valueState } from "@tidemark/core";
import { memoryBackend } from "@tidemark/state-memory";

const directory = process.argv[2];
const endless = {
  description: "endless",
  open: async (context, position) => {
    let next = position ?? 0;
    return {
      nextBatch: async () => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (next === 30) process.stdout.write("running\n");
        return [`n${next++ % 7}`];
      },
      position: () => next,
      close: async () => undefined,
    };
  },
};
const sink = {
  description: "nowhere",
  open: async () => ({
    write: () => undefined,
    drain: () => undefined,
    // A last checkpoint that takes its time gives a second signal a chance to come.
    snapshot: async () => {
      process.stdout.write("snapshot\n");
      return await new Promise((resolve) => setTimeout(resolve, Number(process.argv[3]), null));
    },
    notifyCheckpointComplete: async () => undefined,
    finish: async () => undefined,
    close: async () => undefined,
  }),
};
const result = await job(
  "signalled",
  (env) => {
    env
      .source("numbers", endless)
      .keyBy((word) => word, string())
      .process("count", (context) => {
        const count = context.getState(valueState("count", int64()));
        return { processElement: () => count.update((count.value() ?? 0) + 1) };
      })
      .sink("out", sink);
  },
  { backend: memoryBackend(), checkpoint: { directory, interval: "1h" } },
).run();
process.stdout.write(`${result.status} ${result.lastCheckpoint?.records === result.records}\n`);
