import { BuildError } from "./build-error.mjs";

/** The one RocksDB version that the binding is written for. */
export const rocksdbVersion = "11.8.1";

/** Vendored directories of the crates in sources/Cargo.lock, each with the source tree it carries. */
export const crates = {
  rocksdb: { directory: "librocksdb-sys-0.19.0+11.8.1", tree: "rocksdb" },
  lz4: { directory: "lz4-sys-1.11.1+lz4-1.10.0", tree: "liblz4/lib" },
  zstd: { directory: "zstd-sys-2.0.16+zstd.1.5.7", tree: "zstd/lib" },
};

/** Raise when the way of building changes without a flag changing, so that every cache is built anew. */
const recipeRevision = 1;

/**
 * Instruction sets by platform. RocksDB's own default is the building machine's, which then fails elsewhere, so one is
 * always given. x86-64-v2 has no carry-less multiplication, which CRC32C wants. Only linux-x64 has been tried.
 */
const targets = /** @type {Record<string, { portable: string, cxx: string[], c: string[] }>} */ ({
  "linux-x64": { portable: "x86-64-v2", cxx: ["-mpclmul"], c: ["-march=x86-64-v2"] },
  "linux-arm64": { portable: "armv8-a+crc", cxx: [], c: ["-march=armv8-a+crc"] },
  "darwin-x64": { portable: "x86-64-v2", cxx: ["-mpclmul"], c: ["-march=x86-64-v2"] },
  "darwin-arm64": { portable: "armv8-a+crc", cxx: [], c: ["-march=armv8-a+crc"] },
});

const hidden = ["-fvisibility=hidden"];
const sections = ["-ffunction-sections", "-fdata-sections"];
const off = [
  "SNAPPY", "ZLIB", "BZ2", "GFLAGS", "LIBURING", "JEMALLOC", "NUMA", "TESTS", "ALL_TESTS", "TOOLS", "CORE_TOOLS",
  "BENCHMARK_TOOLS", "TRACE_TOOLS", "EXAMPLES", "JNI",
];

/**
 * @typedef {object} Recipe
 * @property {string[]} cmakeFlags RocksDB's configuration
 * @property {string[]} cFlags for lz4 and zstd
 * @property {string} text all of it, for the cache key and the manifest
 */

/**
 * What to build for a platform (Node's names, such as "linux" and "x64").
 * Throws BuildError for a platform that has no flags here.
 *
 * @param {string} platform
 * @param {string} arch
 * @returns {Recipe}
 */
export function recipeFor(platform, arch) {
  const target = targets[`${platform}-${arch}`];
  if (target === undefined) {
    throw new BuildError(
      `RocksDB cannot be built on ${platform}-${arch}: flags are known for ${Object.keys(targets).join(", ")}.\n` +
        `Build RocksDB ${rocksdbVersion} yourself and set TIDEMARK_ROCKSDB_PREFIX, or use the memory backend.`,
    );
  }
  const cmakeFlags = [
    "-DCMAKE_BUILD_TYPE=Release",
    `-DPORTABLE=${target.portable}`,
    "-DCMAKE_POSITION_INDEPENDENT_CODE=ON",
    `-DCMAKE_CXX_FLAGS=${[...target.cxx, ...hidden, "-fvisibility-inlines-hidden", ...sections].join(" ")}`,
    `-DCMAKE_C_FLAGS=${hidden.join(" ")}`,
    "-DCMAKE_CXX_FLAGS_RELEASE=-O2 -DNDEBUG",
    "-DROCKSDB_BUILD_SHARED=OFF",
    "-DUSE_RTTI=ON",
    "-DFAIL_ON_WARNINGS=OFF",
    "-DWITH_LZ4=ON",
    "-DWITH_ZSTD=ON",
    ...off.map((name) => `-DWITH_${name}=OFF`),
  ];
  const cFlags = ["-O2", "-fPIC", ...hidden, ...sections, "-DNDEBUG", ...target.c];
  const text = [`revision ${recipeRevision}`, cmakeFlags.join(" "), cFlags.join(" ")].join("; ");
  return { cmakeFlags, cFlags, text };
}
