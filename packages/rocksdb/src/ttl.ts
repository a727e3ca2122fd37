/** A state whose entries expire, told from others by bytes 2 and 3 of its keys. */
export interface ExpiringState {
  /** 0 to 65535; the keys hold it big endian, behind two bytes of key group. */
  readonly stateId: number;
  /** An entry is expired when this much time has passed since the time it is stored with. At least 1. */
  readonly ttlMs: number;
  /**
   * `value`: `schema version (1) | time (int64, little endian, milliseconds) | payload`. `list`: elements one after the other,
   * each `length (varint) | a value of that length`, also as merge operands of "list-append"; elements expire one by one.
   */
  readonly kind: "value" | "list";
}

/** What compactions of all column families did since the database was opened. */
export interface TtlStatistics {
  /**
   * Expired values and list elements that were removed. Elements dropped while appended lists were joined are not counted.
   */
  readonly removed: number;
  /** How often bytes of an expiring state were kept because they do not have its form. */
  readonly malformed: number;
}
