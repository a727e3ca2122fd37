/**
 * Shows how far a long step is: a bar that is drawn over on a terminal, otherwise a line at every tenth. The estimate
 * comes from the part done since this run began, so a resumed build does not look faster than it is.
 *
 * @param {object} options
 * @param {string} options.label
 * @param {{ isTTY?: boolean, columns?: number, write: (text: string) => unknown }} options.stream
 * @param {() => number} options.nowMs
 * @returns {import("./ninja.mjs").OnProgress}
 */
export function progressDisplay({ label, stream, nowMs }) {
  const startMs = nowMs();
  /** @type {number | undefined} */
  let startShare;
  let lastTenth = -1;
  return (done, total) => {
    const share = total === 0 ? 1 : done / total;
    startShare ??= share;
    const elapsedMs = nowMs() - startMs;
    const leftMs = share > startShare ? (elapsedMs / (share - startShare)) * (1 - share) : Number.NaN;
    const text = `${label} ${String(Math.floor(share * 100)).padStart(3)} %, ${duration(elapsedMs)}`;
    const estimate = share < 1 && !Number.isNaN(leftMs) ? `, about ${duration(leftMs)} left` : "";
    if (stream.isTTY === true) {
      const width = 24;
      const filled = Math.floor(share * width);
      stream.write(`\r\x1b[2K  [${"#".repeat(filled)}${".".repeat(width - filled)}] ${text}${estimate}${share >= 1 ? "\n" : ""}`);
      return;
    }
    const tenth = Math.floor(share * 10);
    if (tenth === lastTenth) return;
    lastTenth = tenth;
    stream.write(`  ${text}${estimate}\n`);
  };
}

/** Such as "48 s" or "5 min 36 s". @param {number} ms */
export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
