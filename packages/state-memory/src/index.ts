export { memoryBackend } from "./memory-backend.js";
