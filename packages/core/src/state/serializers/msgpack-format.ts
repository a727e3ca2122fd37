/** Objects and arrays inside one another, in a value or in stored bytes. */
export const maxNesting = 100;

/** Extension types of ours, for what MessagePack has no form of. Dates use its own type, -1. */
export const extension = { undefined: 0, bigint: 1, utf16: 2, map: 3, set: 4 } as const;
