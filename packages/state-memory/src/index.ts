export { memoryBackend, type MemoryBackendOptions } from "./memory-backend.js";
