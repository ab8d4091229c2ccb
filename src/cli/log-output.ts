/**
 * Log lines on their way out. The stream buffers what its reader does not take; when the reader is stuck, lines are lost
 * rather than memory, and the log says how many once it reads again.
 */
const pendingBytesMax = 4 * 1024 * 1024;

interface Stream {
  write(text: string, done: () => void): unknown;
}

/** Gives the function that writes a line. `onDropped` is told after a pause how many lines were lost in it. */
export function createLogOutput(stream: Stream, onDropped: (lines: number) => void, bytesMax = pendingBytesMax) {
  let pendingBytes = 0;
  let dropped = 0;
  return (line: string): void => {
    const bytes = Buffer.byteLength(line);
    if (pendingBytes + bytes > bytesMax) {
      dropped += 1;
      return;
    }
    pendingBytes += bytes;
    stream.write(line, () => {
      pendingBytes -= bytes;
      if (dropped === 0 || pendingBytes > bytesMax / 2) return;
      const lines = dropped;
      dropped = 0;
      onDropped(lines);
    });
  };
}
