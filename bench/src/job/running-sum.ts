import { int64, valueState } from "@tidemark/core";
import { generatorSource } from "@tidemark/core/connectors";
import { resultSink } from "./result-sink.js";
import { ResultDigest } from "./result-digest.js";
import { type SumRecord, sumRecord } from "./sum-records.js";
import type { Workload } from "./workload.js";

/** The sum of the values of each key so far, given out at every record. */
export function runningSum(setting: { readonly records: number; readonly keyCount: number; readonly seed: number }): Workload {
  const { records, keyCount, seed } = setting;
  return {
    declare(env, times, digest) {
      const source = generatorSource({ count: records, record: (index) => sumRecord(index, seed, keyCount) });
      env
        .source("records", times.watch(source))
        .keyBy((record) => record.key, int64())
        .process<SumRecord>("sum", (context) => {
          const sum = context.getState(valueState("sum", int64()));
          return {
            processElement({ key, value }, collect) {
              const total = (sum.value() ?? 0) + value;
              sum.update(total);
              collect({ key, value: total });
            },
          };
        })
        .sink("results", resultSink(({ key, value }) => digest.add(key, value)));
    },
    async expected() {
      const sums = new Float64Array(keyCount);
      const digest = new ResultDigest();
      for (let index = 0; index < records; index += 1) {
        const { key, value } = sumRecord(index, seed, keyCount);
        digest.add(key, (sums[key] = (sums[key] as number) + value));
      }
      return digest;
    },
  };
}
