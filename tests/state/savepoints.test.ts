import { testSavepoints } from "@tidemark/core/testing";
import { fsBackend } from "@tidemark/state-fs";
import { memoryBackend } from "@tidemark/state-memory";
import { rocksdbBackend } from "@tidemark/state-rocksdb";

testSavepoints({
  memory: () => memoryBackend(),
  fs: (directory) => fsBackend({ directory }),
  rocksdb: (directory) => rocksdbBackend({ directory }),
});
