import { testStateBackend } from "@tidemark/core/testing";
import { memoryBackend } from "./index.js";

testStateBackend("memory", () => memoryBackend());
