import { testStateBackend } from "@tidemark/core/testing";
import { fsBackend } from "./index.js";

testStateBackend("fs", (directory) => fsBackend({ directory }));

// Small limits, so that segments, materialisations and lost logs come often.
const materialise = { minimumBytes: 200, ratio: 0.5, segmentsMax: 4 };
testStateBackend("fs with small segments", (directory) => fsBackend({ directory, segmentBytes: 1024, pendingBytesMax: 2048, materialise }));
