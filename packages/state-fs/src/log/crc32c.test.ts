import { expect, test } from "vitest";
import { crc32c } from "./crc32c.js";

test("CRC-32C gives the known values of RFC 3720, B.4", () => {
  const ascending = Uint8Array.from({ length: 32 }, (_, index) => index);
  expect(crc32c(Buffer.from("123456789"))).toBe(0xe306_9283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a91_36aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8_ab43);
  expect(crc32c(ascending)).toBe(0x46dd_794e);
  expect(crc32c(ascending.slice().reverse())).toBe(0x113f_db5c);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});

test("every length and start agrees with the bit-by-bit definition", () => {
  const bytes = Uint8Array.from({ length: 40 }, (_, index) => (index * 73 + 11) & 0xff);
  for (let start = 0; start < 10; start += 1) {
    for (let end = start; end <= bytes.length; end += 1) expect(crc32c(bytes, start, end)).toBe(slow(bytes.subarray(start, end)));
  }
});

function slow(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f6_3b78 : 0);
  }
  return ~crc >>> 0;
}
