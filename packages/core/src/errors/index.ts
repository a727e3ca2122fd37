export { errorCodes, type ErrorCode } from "./codes.js";
export { isStateError, StateError, type ErrorKind, type StateErrorOptions } from "./state-error.js";
