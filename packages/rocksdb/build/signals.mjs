import { interruptCommands } from "./run-command.mjs";

/**
 * Lets a build end in good order on Ctrl-C and the like: programs are interrupted, which makes the running step fail,
 * which gives back the lock. A second signal ends the process at once.
 */
export function stopOnSignals() {
  let signals = 0;
  for (const [signal, number] of [["SIGINT", 2], ["SIGTERM", 15], ["SIGHUP", 1]]) {
    process.on(String(signal), () => {
      signals += 1;
      if (signals > 1) process.exit(128 + Number(number));
      console.error("\ninterrupted; what is compiled is kept, run this again to go on");
      interruptCommands();
    });
  }
}
