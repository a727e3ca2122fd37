import { defineConfig } from "vitest/config";

// Tests run on the TypeScript sources: workspace packages resolve through the "tidemark-source" export condition,
// so one class (StateError, say) is never loaded twice, once from src and once from dist.
export default defineConfig({
  resolve: { conditions: ["tidemark-source", "module", "node", "development"] },
  ssr: { resolve: { conditions: ["tidemark-source", "module", "node", "development"] } },
  test: {
    include: ["packages/*/src", "examples/*/src", "bench/src", "tests", "scripts"].map((folder) => `${folder}/**/*.test.ts`),
    pool: "forks",
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
