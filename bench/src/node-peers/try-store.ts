/** Whether a store works here: node try-store.js <system> <directory>. A process of its own, because a bad binary may end it. */
import { storeKind } from "./store-kinds.js";

async function main(system: string, directory: string): Promise<void> {
  const store = await storeKind(system).open({ directory, memoryBytes: 2 ** 26 });
  const keys = ["0123456789abcdef"];
  await store.put(keys, [Buffer.alloc(100, 1)]);
  await store.readModifyWriteBatch(keys);
  let first: number | undefined;
  await store.getBatch(keys, (value) => (first = value?.[0]));
  await store.close();
  if (first !== 2) throw new Error(`it gave back ${first} instead of 2`);
}

try {
  await main(process.argv[2] ?? "", process.argv[3] ?? "");
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
