import { testStateBackend } from "@tidemark/core/testing";
import { rocksdbBackend } from "./index.js";

testStateBackend("rocksdb", (directory) => rocksdbBackend({ directory }), { randomRuns: 10 });
