import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { int64, string, valueState } from "@tidemark/core";
import { textLinesSource } from "@tidemark/core/connectors";
import { resultSink } from "./result-sink.js";
import { ResultDigest } from "./result-digest.js";
import type { Workload } from "./workload.js";

interface WordCount {
  readonly word: string;
  readonly count: number;
}

/** The words of a line: letters, digits and "_" of ASCII, in lower case. As in the word count that Flink ships as an example. */
function wordsOf(line: string): readonly string[] {
  return line.toLowerCase().match(/\w+/g) ?? [];
}

/** How often each word of a text was seen so far, given out at every word. */
export function wordCount(textFile: string): Workload {
  return {
    declare(env, times, digest) {
      env
        .source("lines", times.watch(textLinesSource({ path: textFile })))
        .flatMap(wordsOf)
        .keyBy((word) => word, string())
        .process<WordCount>("count", (context) => {
          const seen = context.getState(valueState("seen", int64()));
          return {
            processElement(word, collect) {
              const count = (seen.value() ?? 0) + 1;
              seen.update(count);
              collect({ word, count });
            },
          };
        })
        .sink("results", resultSink(({ word, count }) => digest.add(word.length, count)));
    },
    async expected() {
      const counts = new Map<string, number>();
      const digest = new ResultDigest();
      for await (const line of createInterface({ input: createReadStream(textFile), crlfDelay: Infinity })) {
        for (const word of wordsOf(line)) {
          const count = (counts.get(word) ?? 0) + 1;
          counts.set(word, count);
          digest.add(word.length, count);
        }
      }
      return digest;
    },
  };
}
